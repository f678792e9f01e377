/** One command to its end; its words when it fails. */
import { execFile } from 'node:child_process'

export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((done, failed) => {
    const options = {
      cwd,
      env: { ...process.env, ...env },
      timeout: 300_000,
      maxBuffer: 1 << 26,
      shell: process.platform === 'win32',
    }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else failed(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}\n${stderr}`))
    })
  })
}
