/**
 * Peers that live in Python: a private environment with what they need, and a process that answers
 * lines of JSON.
 *
 *   python3 -m venv bench/.peers ── pip install ── spawn(script) ⇄ one line a request
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('.peers', import.meta.url))

/** Python with these modules; rejects with the reason where it cannot be had. */
export async function pythonWith(packages: readonly string[], modules: readonly string[]): Promise<string> {
  const python = join(folder, 'bin', 'python')
  const has = () => run(python, ['-c', modules.map((name) => `import ${name}`).join('\n')])
  if (!existsSync(python)) await run('python3', ['-m', 'venv', folder])
  try {
    await has()
  } catch {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
    await has()
  }
  return python
}

/** A peer's process; requests are answered in order. */
export class Peer implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #lines: Interface
  readonly #answers: AsyncIterator<string>

  constructor(python: string, script: URL) {
    this.#process = spawn(python, [fileURLToPath(script)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#process.stdout! })
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  async ask<T>(request: { readonly do: string; readonly [name: string]: unknown }): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`the peer ended while it was asked to ${request.do}`)
    const answer = JSON.parse(value) as T & { error?: string }
    if (answer.error !== undefined) throw new Error(`the peer could not ${request.do}: ${answer.error}`)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    this.#process.stdin!.end()
    await once(this.#process, 'exit')
    this.#lines.close()
  }
}
