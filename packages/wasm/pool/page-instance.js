/**
 * The module on a page's own thread, over the memory of the page's worker. Without the glue: that is one instance a
 * realm, and a page may have several backends, also one after the other.
 */

/** What start calls: it fills a table for JavaScript's values, of which a search has none. */
const TABLE = '__wbindgen_init_externref_table'

function imported(kind, name, memory) {
  if (kind === 'memory') return memory
  if (kind === 'tag') return new WebAssembly.Tag({ parameters: ['externref'] })
  if (name === TABLE) return () => {}
  return () => {
    throw new Error(`BACKEND: expected no call of ${name} on the page's thread`)
  }
}

/** Gives what enters the module: it makes this thread's stack and locals there, then gives `search_lent`. */
export async function instantiate({ module, memory }) {
  const imports = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    imports[from][name] = imported(kind, name, memory)
  }
  const { exports } = await WebAssembly.instantiate(module, imports)
  return () => {
    exports.__wbindgen_start()
    return exports.search_lent
  }
}
