/** The suite in a browser: `page.html?runtime=…&backend=…&pass=…`. Outcomes go to the server by POST. */

// Before the facade makes its worker: faults are injected by a message of our own to the first one, and
// searches that are sent are counted.
const workers: Worker[] = []
let searchesSent = 0
const BrowserWorker = globalThis.Worker
globalThis.Worker = class extends BrowserWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, options)
    workers.push(this)
  }

  override postMessage(message: unknown, transfer: unknown): void {
    if ((message as { method?: string }).method === 'search') searchesSent++
    super.postMessage(message, transfer as Transferable[])
  }
}

// What searches on this thread is an instance of its own; out of bounds it traps.
let trapNext = false
const { instantiate } = WebAssembly
WebAssembly.instantiate = (async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
  const { exports } = await instantiate(module, imports)
  const search = exports['search_lent'] as (index: number, ...how: unknown[]) => number
  const search_lent = (index: number, ...how: unknown[]) => {
    const at = trapNext ? -16 : index
    trapNext = false
    return search(at, ...how)
  }
  return { exports: { ...exports, search_lent } }
}) as unknown as typeof WebAssembly.instantiate

const nearfield = await import('nearfield')
const { passes } = await import('./cases/index.ts')
const { runCases } = await import('./suite.ts')
type Env = import('./suite.ts').Env

const asked = new URLSearchParams(location.search)
const post = (message: unknown) => fetch('/outcome', { method: 'POST', body: JSON.stringify(message) })

const env: Env = {
  nearfield,
  runtime: asked.get('runtime')!,
  backend: asked.get('backend') as Env['backend'],
  isa: null,
  exchange: {
    list: async () => (await fetch('/exchange/')).json() as Promise<string[]>,
    read: async (name) => new Uint8Array(await (await fetch(`/exchange/${name}`)).arrayBuffer()),
    write: async (name, bytes) =>
      void (await fetch(`/exchange/${name}`, { method: 'PUT', body: bytes as BodyInit })),
  },
  disk: null,
  fault,
  page: globalThis.crossOriginIsolated
    ? {
        searchesSent: () => searchesSent,
        trapNext: () => {
          trapNext = true
        },
      }
    : null,
}

function fault(kind: string): Promise<void> {
  const worker = workers[0]!
  return new Promise((_, reject) => {
    const id = -1 - Math.floor(Math.random() * 1e9) // the client counts upwards from 1
    const hear = ({ data }: MessageEvent) => {
      if (data.id !== id && data.type !== 'dead') return
      worker.removeEventListener('message', hear)
      reject(new Error(data.error))
    }
    worker.addEventListener('message', hear)
    worker.postMessage({ type: 'call', id, method: 'injectFault', args: [kind] })
  })
}

const told: Promise<unknown>[] = []
try {
  const isolated = asked.get('isolated') === 'yes'
  if (globalThis.crossOriginIsolated !== isolated) throw new Error(`expected crossOriginIsolated ${isolated}`)
  await runCases(passes[asked.get('pass') as keyof typeof passes], env, (outcome) => told.push(post(outcome)))
} catch (error) {
  told.push(post({ case: 'the page itself', ok: false, ms: 0, error: String(error) }))
}
await Promise.all(told)
await post({ done: true })
