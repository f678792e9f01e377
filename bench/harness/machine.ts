/** What ran: the machine, and which nearfield. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import type { Results } from './contract.ts'

/** What every file of results begins with: when, by what command, where, and which nearfield. */
export const ran = (command: string) => ({
  format: 1 as const,
  date: new Date().toISOString(),
  command,
  machine: machine(),
  nearfield: nearfieldVersion(),
})

function machine(): Results['machine'] {
  return {
    cpu: (cpus()[0]?.model ?? 'unknown').replace(/\s+/g, ' ').trim(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${arch()}`,
  }
}

/** Version and commit, `+` where files differ from it. */
function nearfieldVersion(): string {
  const { version } = JSON.parse(
    readFileSync(new URL('../../packages/nearfield/package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
    return `${version} (${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') ? '+' : ''})`
  } catch {
    return version // a copy without its history
  }
}
