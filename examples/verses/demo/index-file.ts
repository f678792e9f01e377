/** Where the index files lie. Apart from `build.ts`, so that the server can serve without the library. */

import { fileURLToPath } from 'node:url'
import type { Kind } from './arguments.ts'

export const INDEX_FILE: Readonly<Record<Kind, string>> = {
  hnsw: fileURLToPath(new URL('../verses.nfx', import.meta.url)),
  flat: fileURLToPath(new URL('../verses-flat.nfx', import.meta.url)),
}
