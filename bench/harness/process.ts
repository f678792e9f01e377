/**
 * An engine in a process of its own: requests go in as lines of JSON and come back in order.
 *
 * Invariant: a process that ends, answers nonsense or takes too long fails the request that was open,
 * with the end of what it said on stderr; nothing waits for ever.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Dataset, EngineSpec, Refused, Request } from './contract.ts'

/** The longest a request may take: the slowest build of a peer that is still worth waiting for. */
const REQUEST_MS_MAX = 20 * 60_000
const SAID_CHARACTERS_MAX = 2000

/** The engine has no such thing; not a failure. */
export class Unsupported extends Error {}

/** What an engine is asked first. */
export function startOf(spec: EngineSpec, { paths, rows, dim, metric }: Dataset, isa: string): Request {
  const { base, queries } = paths
  return { do: 'start', base, queries, rows, dim, metric, variant: spec.variant, isa }
}

interface Waiting {
  readonly resolve: (line: string) => void
  readonly reject: (why: Error) => void
}

export class EngineProcess implements AsyncDisposable {
  readonly name: string
  readonly #child: ChildProcess
  #said = ''
  #waiting: Waiting | undefined

  constructor(name: string, command: readonly [string, ...string[]], environment: Record<string, string>) {
    this.name = name
    const [program, ...args] = command
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take()?.resolve(line))
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-SAID_CHARACTERS_MAX)
    })
    this.#child.stdin!.on('error', () => {}) // the exit tells
    this.#child.on('error', (why) => this.#fail(why.message))
    this.#child.on('exit', (code, signal) => this.#fail(`the process ended (${signal ?? code})`))
  }

  /** Its number; none where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  async ask<T>(request: Request | { readonly do: string; readonly [name: string]: unknown }): Promise<T> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`${this.name} has ended: ${this.#lastLines()}`)
    const answered = new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`)
    const clock = setTimeout(() => {
      this.#fail(`no answer to ${request.do} in ${REQUEST_MS_MAX / 60_000} minutes`)
      this.#child.kill('SIGKILL')
    }, REQUEST_MS_MAX)
    const line = await answered.finally(() => clearTimeout(clock))
    const answer = JSON.parse(line) as T & Refused
    if (answer.unsupported !== undefined) throw new Unsupported(answer.unsupported)
    if (answer.error !== undefined) throw new Error(`${request.do}: ${answer.error}`)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin!.end()
    const clock = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    await ended
    clearTimeout(clock)
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }

  #fail(why: string): void {
    this.#take()?.reject(new Error([why, this.#lastLines()].filter(Boolean).join(': ')))
  }

  #lastLines(): string {
    return this.#said.trim().split('\n').slice(-3).join(' | ')
  }
}
