/**
 * A backend that lives in a worker. Every method is one message there and one back; arrays are copied
 * once and moved; only a page's short searches may do without (`lent.ts`). When the worker dies every
 * promise still open is rejected with `BACKEND`, and so is every later call: nothing ever waits for an
 * answer that cannot come.
 */
import { errorText, NearfieldError, parseError } from '../api/errors.ts'
import type { Backend, BackendInfo, IndexHandle, LentStage } from '../backend.ts'
import { type Borrower, borrow, type EnterModule } from './lent.ts'
import { METHOD_NAMES, type MethodName, type Methods } from './methods.ts'
import {
  type FromHost,
  isShared,
  type Packed,
  POOL_CHANNEL,
  type Port,
  packed,
  type Spec,
  type ThreadsRequest,
  type ToHost,
} from './worker-messages.ts'

/** The other end, and how to end it. */
export interface Connection {
  readonly port: Port & {
    addEventListener(type: 'error' | 'messageerror', listener: (event: Event) => void): void
  }
  /** What starts the threads that the other end's pool asks for. */
  loadPool?(): Promise<PoolParts>
  end(): void
}

export interface PoolParts {
  /** Gives what ends them. */
  startThreads(request: ThreadsRequest): Promise<() => void>
  /** Makes the other end's module an instance on this thread. */
  instantiate(request: ThreadsRequest): Promise<EnterModule>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export function connectWorker(
  connection: Connection,
  spec: Spec,
  died: (cause: unknown) => void = () => {},
): Promise<Backend> {
  return new Client(connection, spec, died).opened
}

class Client {
  readonly opened: Promise<Backend>
  readonly #connection: Connection
  readonly #died: (cause: unknown) => void
  readonly #waiting = new Map<number, Waiting>()
  readonly #poolNews: BroadcastChannel | null
  #opening: Waiting | undefined
  #dead: NearfieldError | undefined
  #lent: Borrower | null = null
  #endThreads: () => void = () => {}
  #id = 0

  constructor(connection: Connection, spec: Spec, died: (cause: unknown) => void) {
    this.#connection = connection
    this.#died = died
    const { port } = connection
    port.addEventListener('message', (event) => this.#hear(event.data as FromHost))
    port.addEventListener('error', (event) => {
      event.preventDefault() // it is told through the promises
      this.#die((event as ErrorEvent).message || 'its script could not be loaded')
    })
    port.addEventListener('messageerror', () => this.#die('a message could not be read'))
    this.#poolNews = spec.variant === 'single' ? null : this.#listen(spec.poolName)
    this.opened = new Promise((resolve, reject) => {
      this.#opening = { resolve: (info) => resolve(this.#backend(info as BackendInfo)), reject }
    })
    port.start?.()
    port.postMessage({ type: 'open', spec }, [])
  }

  #listen(poolName: string): BroadcastChannel {
    const channel = new BroadcastChannel(POOL_CHANNEL)
    channel.onmessage = ({ data }) => {
      const { type, pool, message } = data as { type?: string; pool?: string; message?: string }
      if (type === 'pool-trap' && pool === poolName) this.#die(message ?? 'a thread of its pool stopped')
    }
    return channel
  }

  #backend(info: BackendInfo): Backend {
    const methods: Partial<Record<MethodName, unknown>> = {}
    for (const name of METHOD_NAMES) methods[name] = (...args: unknown[]) => this.#call(name, args)
    methods.shutdown = () => this.#shutdown()
    methods.generatorFill = this.#filling('generatorFill', 'generatorMake')
    methods.datasetFill = this.#filling('datasetFill', 'datasetMake')
    methods.drop = (index: IndexHandle) => {
      this.#lent?.forget(index)
      return this.#call('drop', [index])
    }
    return { ...(methods as Methods), info, sync: null, lent: this.#lent }
  }

  #call(method: MethodName, args: readonly unknown[]): Promise<unknown> {
    return this.#send(method, args, (message) => packed(message, true))
  }

  #send(method: MethodName, args: readonly unknown[], pack: (message: unknown) => Packed): Promise<unknown> {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const { value, transfer } = pack({ type: 'call', id, method, args })
      this.#connection.port.postMessage(value, transfer)
      this.#waiting.set(id, { resolve, reject })
    })
  }

  /**
   * A fill writes the caller's memory. What is shared the worker writes by itself: such a view goes as it
   * is. Anything else is made in memory of the worker's, handed over and copied.
   */
  #filling(fill: MethodName, make: MethodName) {
    return async (handle: number, at: number, into: Uint8Array | Float32Array, threads: number) => {
      if (isShared(into.buffer)) {
        return this.#send(fill, [handle, at, into, threads], (value) => ({ value, transfer: [] }))
      }
      const { length } = into
      const made = (await this.#call(make, [handle, at, length, threads])) as Uint8Array | Float32Array
      if (into.length !== length) {
        throw new NearfieldError('DIMENSION', 'the memory was detached or resized while being filled')
      }
      into.set(made)
      return made.length
    }
  }

  async #shutdown(): Promise<void> {
    if (this.#dead) return
    await this.#call('shutdown', []).catch(() => {}) // it ends either way
    this.#close(new NearfieldError('CLOSED', 'this backend was shut down'))
  }

  #hear(message: FromHost): void {
    switch (message.type) {
      case 'opened':
        this.#opening?.resolve(message.info)
        this.#opening = undefined
        return
      case 'failed':
        this.#close(parseError(message.error))
        return
      case 'threads':
        void this.#startThreads(message.request)
        return
      case 'dead':
        this.#die(parseError(message.error).message)
        return
      case 'answer':
      case 'refusal': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.type === 'answer') waiting?.resolve(message.value)
        else waiting?.reject(parseError(message.error))
      }
    }
  }

  async #startThreads(request: ThreadsRequest): Promise<void> {
    const say = (message: ToHost) => {
      if (!this.#dead) this.#connection.port.postMessage(message, [])
    }
    try {
      if (!this.#connection.loadPool) throw new NearfieldError('BACKEND', 'no threads can be started here')
      const { startThreads, instantiate } = await this.#connection.loadPool()
      const end = await startThreads(request)
      if (this.#dead) end()
      else {
        this.#endThreads = end
        this.#lent = this.#borrow(instantiate(request))
      }
      say({ type: 'started' })
    } catch (error) {
      say({ type: 'started', error: errorText(error) })
    }
  }

  #borrow(instance: Promise<EnterModule>): Borrower {
    return borrow(instance, {
      lendStage: (...args) => this.#call('lendStage', args) as Promise<LentStage | null>,
      atRest: () => !this.#dead && this.#waiting.size === 0,
      died: (why) => this.#die(why),
    })
  }

  #die(why: string): void {
    if (this.#dead) return
    const error = new NearfieldError('BACKEND', `the worker of the backend died: ${why}`)
    this.#close(error)
    this.#died(error)
  }

  #close(error: NearfieldError): void {
    this.#dead = error
    this.#poolNews?.close()
    this.#connection.end()
    this.#endThreads()
    this.#lent?.end()
    this.#opening?.reject(error)
    this.#opening = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
