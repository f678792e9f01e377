/**
 * Finds and loads the addon. No install scripts, no downloads.
 *
 *   NEARFIELD_NATIVE (a path) ─┐
 *   nearfield.<platform>.node ─┼─ require ── addon, or one error that says what to do
 *   @nearfield/native-… ───────┘
 *
 * The first that exists counts: a local build that does not load is reported, never papered over by an
 * older package.
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMusl, platformName, platforms } from './platform.js'

const require = createRequire(import.meta.url)

/** @type {import('./index.d.ts').Loaded | undefined} */
let loaded

/** @returns {import('./index.d.ts').Loaded} */
export function loadNative() {
  loaded ??= load()
  return loaded
}

function load() {
  const platform = platformName({ platform: process.platform, arch: process.arch, musl })
  const from = source(platform)
  try {
    return { addon: require(from), platform, from }
  } catch (cause) {
    throw new Error(explain(platform, from, cause), { cause })
  }
}

function source(platform) {
  const forced = environment('NEARFIELD_NATIVE')
  if (forced) return forced
  const local = fileURLToPath(new URL(`./nearfield.${platform}.node`, import.meta.url))
  return exists(local) ? local : `@nearfield/native-${platform}`
}

function explain(platform, from, cause) {
  const said = String(cause instanceof Error ? cause.message : cause)
    .split('\n')[0]
    .replace(/\.+$/, '')
  return `cannot load nearfield's native addon for ${platform} from ${from}: ${said}. ${fix(platform, from, cause)}`
}

function fix(platform, from, cause) {
  const denied =
    globalThis.Deno && (cause?.name === 'NotCapable' || /allow-ffi|permission/i.test(String(cause)))
  if (denied || ffiDenied()) return 'Run Deno with --allow-ffi (and --allow-read, --allow-env).'
  if (environment('NEARFIELD_NATIVE')) return 'NEARFIELD_NATIVE names this file; correct or unset it.'
  if (!platforms.includes(platform))
    return `There is no build for this platform; there are: ${platforms.join(', ')}.`
  if (cause?.code === 'ERR_DLOPEN_DISABLED') return 'Run Node with --allow-addons.'
  if (cause?.code === 'MODULE_NOT_FOUND' || /cannot find (module|package)/i.test(String(cause))) {
    return `Install ${from} (optional dependencies may have been left out, or the lock file comes from another platform).`
  }
  return `The file is there but does not load; reinstall ${from}, or build it with "node packages/native/build.ts".`
}

/** Deno reports a missing permission as a missing module; asking it directly is the only way to know. */
function ffiDenied() {
  return (
    globalThis.Deno?.permissions?.querySync?.({ name: 'ffi' }).state === 'prompt' ||
    globalThis.Deno?.permissions?.querySync?.({ name: 'ffi' }).state === 'denied'
  )
}

function musl() {
  const glibcVersion = () => process.report?.getReport?.()?.header?.glibcVersionRuntime
  return isMusl({ exists, glibcVersion: quietly(glibcVersion), arch: process.arch })
}

/** Where a sandbox forbids looking, the answer is "not known", not a failure of its own. */
function quietly(ask) {
  return (...about) => {
    try {
      return ask(...about)
    } catch {
      return undefined
    }
  }
}

function exists(path) {
  return quietly(existsSync)(path) ?? false
}

function environment(name) {
  return quietly(() => process.env[name])()
}
