/** The script of the worker that a page's backend lives in. */
import { serveBackend } from '../backends/worker-host.ts'
import type { Port } from '../backends/worker-messages.ts'
import { loadWebWasm } from '../hosts/web-wasm.ts'

serveBackend(globalThis as unknown as Port, (spec, startThreads) => loadWebWasm(spec, { startThreads }))
