/**
 * What the two ends of a worker say to each other. Requests and answers are derived from `Backend`'s
 * own method types; nothing is listed twice.
 *
 *   client ─ open {spec} ─▶ host      host ─ opened {info} | failed {error} ─▶ client
 *   client ─ call {id, method, args} ─▶ host      host ─ answer {id, value} | refusal {id, error} ─▶ client
 *                                                 host ─ dead {error} ─▶ client: nothing will be answered any more
 *   host ─ threads {count, module, …} ─▶ client      client ─ started {error?} ─▶ host
 *
 * The client's end starts the threads of the host's pool: see packages/wasm/pool/pool-web.js.
 */
import type { BackendInfo } from '../backend.ts'
import type { MethodName, Methods } from './methods.ts'
import type { WasmVariant } from './wasm.ts'

/** Which build the worker shall load. */
export interface Spec {
  readonly variant: WasmVariant
  /** 0: all. */
  readonly threads: number
  readonly why: string
  /** Where the pool's traps are broadcast, see {@link POOL_CHANNEL}. */
  readonly poolName: string
}

export type Call = {
  [M in MethodName]: {
    readonly type: 'call'
    readonly id: number
    readonly method: M
    readonly args: Parameters<Methods[M]>
  }
}[MethodName]

/** The threads of a pool, to be started over the host's module and memory. */
export interface ThreadsRequest {
  readonly count: number
  readonly module: unknown
  readonly memory: unknown
  /** Where they wait for work, an address in that memory. */
  readonly receiver: number
  /** Of the pool, see {@link POOL_CHANNEL}. */
  readonly name: string
}

export type ToHost =
  | { readonly type: 'open'; readonly spec: Spec }
  | { readonly type: 'started'; readonly error?: string }
  | Call

/** Errors cross as `CODE: message`. */
export type FromHost =
  | { readonly type: 'opened'; readonly info: BackendInfo }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'threads'; readonly request: ThreadsRequest }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly error: string }
  | { readonly type: 'dead'; readonly error: string }

/** A thread that traps while its worker is blocked can be heard only here. */
export const POOL_CHANNEL = 'nearfield-pool'

/** A `Worker`, a `MessagePort` or a worker's own scope. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  /** Message ports hold messages back until started. */
  start?(): void
}

/** Memory that both ends see, which crosses as it is. */
export function isShared(memory: unknown): memory is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== 'undefined' && memory instanceof SharedArrayBuffer
}

/** What is posted, and what of it is given away. */
export interface Packed {
  readonly value: unknown
  readonly transfer: Transferable[]
}

/**
 * A message whose arrays are exactly themselves, and what to transfer. `copy` true leaves the
 * sender's arrays alone; false gives them away where nothing else shares their memory. (Cloning a
 * view as it is would clone all of the memory behind it.)
 */
export function packed(value: unknown, copy: boolean): Packed {
  const transfer: Transferable[] = []
  const pack = (part: unknown): unknown => {
    if (
      part instanceof Float32Array ||
      part instanceof Uint8Array ||
      part instanceof Uint32Array ||
      part instanceof Float64Array
    ) {
      const whole = part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength
      const own = copy || !whole ? part.slice() : part
      transfer.push(own.buffer as ArrayBuffer)
      return own
    }
    if (Array.isArray(part)) return part.map(pack)
    if (isShared(part)) return part
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, pack(inner)]))
  }
  return { value: pack(value), transfer }
}
