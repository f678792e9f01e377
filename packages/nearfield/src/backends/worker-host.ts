/**
 * The worker's end: loads the backend it is told to, then answers calls. Calls run in the order they
 * come, because a WebAssembly backend does its work before it gives its promise. After a trap the
 * instance's memory is not to be trusted: the host says `dead` and the client ends the worker.
 */
import { errorText, NearfieldError } from '../api/errors.ts'
import type { Backend } from '../backend.ts'
import { isFatal } from './methods.ts'
import {
  type Call,
  type FromHost,
  type Port,
  packed,
  type Spec,
  type ThreadsRequest,
  type ToHost,
} from './worker-messages.ts'

/** Starts a pool's threads, wherever that is done. */
export type StartThreads = (request: ThreadsRequest) => Promise<void>

export function serveBackend(
  port: Port,
  load: (spec: Spec, startThreads: StartThreads) => Promise<Backend>,
): void {
  let backend: Backend | undefined
  const say = (message: FromHost) => {
    const { value, transfer } = packed(message, false)
    port.postMessage(value, transfer)
  }
  let started: (error?: string) => void = () => {}
  const startThreads: StartThreads = (request) =>
    new Promise((resolve, reject) => {
      started = (error) => (error === undefined ? resolve() : reject(new Error(error)))
      // As it is: a module and a shared memory are cloned whole.
      port.postMessage({ type: 'threads', request } satisfies FromHost, [])
    })
  const open = async (spec: Spec) => {
    try {
      backend = await load(spec, startThreads)
      say({ type: 'opened', info: { ...backend.info } })
    } catch (error) {
      say({ type: 'failed', error: errorText(error) })
    }
  }
  const answer = async ({ id, method, args }: Call) => {
    try {
      if (!backend) throw new NearfieldError('BACKEND', `${method} was called before the backend was loaded`)
      const value = await (backend[method] as (...args: unknown[]) => Promise<unknown>)(...args)
      say({ type: 'answer', id, value })
    } catch (error) {
      if (isFatal(error)) say({ type: 'dead', error: errorText(error) })
      else say({ type: 'refusal', id, error: errorText(error) })
    }
  }
  port.addEventListener('message', ({ data }) => {
    const message = data as ToHost
    if (message.type === 'open') void open(message.spec)
    else if (message.type === 'started') started(message.error)
    else if (message.type === 'call') void answer(message)
  })
  port.start?.()
}
