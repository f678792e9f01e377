/** `createIndex`: an index without rows, which take their place by `index.add`. */
import { BUILD_OPTION_NAMES } from '../generated/options.ts'
import type { Host } from './host.ts'
import { Index } from './index.ts'
import { type CreateOptions, checkOptions, coreJson } from './options.ts'

export async function createIndex(host: Host, options: CreateOptions): Promise<Index> {
  checkOptions(options, 'create')
  const isa = options.isa ?? host.preferences.isa
  const json = coreJson(options, BUILD_OPTION_NAMES, { isa })
  const threads = options.threads ?? 0
  const chosen = await host.choices.choose(options.backend ?? host.preferences.backend ?? 'auto', threads)
  return Index.of(host, chosen, await chosen.backend.create(json), threads)
}
