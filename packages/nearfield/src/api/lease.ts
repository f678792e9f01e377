/**
 * Who still uses an index. Calls enter and leave; closing lets those inside finish, turns away those
 * that come later, and frees the backend's memory once the last has left.
 */
import type { Backend, IndexHandle } from '../backend.ts'
import { NearfieldError } from './errors.ts'

/** Frees indexes whose objects were forgotten without `close()`. */
const forgotten = new FinalizationRegistry<Lease>((lease) => void lease.close().catch(() => {})) // nobody left to tell

export class Lease {
  readonly backend: Backend
  readonly handle: IndexHandle
  #inside = 0
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(backend: Backend, handle: IndexHandle) {
    this.backend = backend
    this.handle = handle
  }

  /** From here on `owner` becoming garbage closes the lease. The lease must not refer to `owner`. */
  watch(owner: object): void {
    forgotten.register(owner, this, this)
  }

  /** Throws `CLOSED` once closing began. */
  check(): void {
    if (this.#closing) throw new NearfieldError('CLOSED', 'the index is closed')
  }

  /** Runs `work` inside. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    this.#inside++
    try {
      return await work()
    } finally {
      if (--this.#inside === 0) this.#emptied?.()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#free()
    return this.#closing
  }

  async #free(): Promise<void> {
    forgotten.unregister(this)
    if (this.#inside > 0) await new Promise<void>((done) => (this.#emptied = done))
    await this.backend.drop(this.handle)
  }
}
