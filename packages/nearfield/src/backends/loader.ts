/**
 * What `choose.ts` asks of a backend's module. `native.ts` exports `loadNative: Loader`, `wasm.ts`
 * exports `loadWasmThreads: Loader` and `loadWasm: Loader`. A loader rejects with a sentence saying
 * what is missing; choosing then goes on to the next kind and keeps that sentence for `why`.
 */
import type { Backend } from '../backend.ts'

/**
 * `threads` 0 means as many as the machine has. The backend calls `died` at most once, when it can
 * no longer answer (its worker ended, its WebAssembly instance trapped); the next build or open then
 * gets a fresh one.
 */
export type Loader = (threads: number, died: (cause: unknown) => void) => Promise<Backend>
