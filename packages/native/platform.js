/** Which addon fits this machine. */

/** Every platform with a package of its own. */
export const platforms = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

/**
 * The platform's name, e.g. `linux-x64-gnu`.
 * @param {{ platform: string, arch: string, musl: () => boolean }} machine
 */
export function platformName({ platform, arch, musl }) {
  const base = `${platform}-${arch}`
  if (platform === 'linux') return `${base}-${musl() ? 'musl' : 'gnu'}`
  return platform === 'win32' ? `${base}-msvc` : base
}

/**
 * Whether the C library is musl. The dynamic loader's file tells without a subprocess and under Deno's
 * sandbox; Node's report settles machines that have both.
 * @param {{ exists: (path: string) => boolean, glibcVersion: () => string | undefined, arch: string }} machine
 */
export function isMusl({ exists, glibcVersion, arch }) {
  if (glibcVersion() !== undefined) return false
  const name = arch === 'arm64' ? 'aarch64' : 'x86_64'
  return exists(`/lib/ld-musl-${name}.so.1`)
}
