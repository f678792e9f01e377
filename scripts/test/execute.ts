/** Runs one command and keeps what it says; never hangs longer than it may. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface Ended {
  readonly code: number
  /** Standard output and error, in the order they came. */
  readonly output: string
}

export function execute(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  minutesMax: number,
): Promise<Ended> {
  return new Promise((done) => {
    const [program, ...args] = command as [string, ...string[]]
    const child = spawn(program, args, {
      cwd: root,
      // Its own group, so that the time limit ends what it started too.
      detached: process.platform !== 'win32',
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CARGO_TARGET_DIR: join(root, 'target'),
        NO_COLOR: '1',
        CARGO_TERM_COLOR: 'never',
        ...env,
      },
    })
    let output = ''
    const hear = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const timer = setTimeout(() => {
      output += `\nended after ${minutesMax} minutes\n`
      if (child.pid !== undefined)
        process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
    }, minutesMax * 60_000)
    child.on('error', (error) => {
      clearTimeout(timer)
      done({ code: 127, output: `${output}${error.message}\n` })
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ code: code ?? 1, output })
    })
  })
}
