/** Packs the packages as they would be published, and checks each with publint and attw. */
import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from './run-command.ts'

const root = join(import.meta.dirname, '../../..')

export interface Packed {
  readonly name: string
  readonly tarball: string
  /** What it holds, by path. */
  readonly files: readonly string[]
}

/** Tarballs of the facade, the loader, this machine's addon and the command, in `folder`. */
export async function packAll(folder: string): Promise<Packed[]> {
  const native = join(root, 'packages/native')
  const addon = (await readdir(native)).find((name) => /^nearfield\..*\.node$/.test(name))
  if (addon === undefined)
    throw new Error('expected an addon in packages/native; run scripts/setup.sh native')
  const platform = addon.slice('nearfield.'.length, -'.node'.length)
  // The stub gets its binary at release time only; the tree stays without it.
  const stub = join(folder, 'stub')
  await mkdir(stub)
  await cp(join(native, 'npm', platform), stub, { recursive: true })
  await cp(join(native, addon), join(stub, addon))
  const command = join(root, 'packages/cli')
  await run('tsup', [], command)
  const sources = [
    { name: 'nearfield', from: join(root, 'packages/nearfield') },
    { name: '@nearfield/native', from: native },
    { name: `@nearfield/native-${platform}`, from: stub },
    { name: '@nearfield/cli', from: command },
  ]
  const packed: Packed[] = []
  for (const { name, from } of sources) {
    const [told] = JSON.parse(
      await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], from),
    ) as { filename: string; files: { path: string }[] }[]
    const files = told!.files.map(({ path }) => path)
    packed.push({ name, tarball: join(folder, basename(told!.filename)), files })
  }
  await rm(stub, { recursive: true })
  return packed
}

export async function lint({ tarball }: Packed, folder: string): Promise<void> {
  await run('publint', ['run', tarball, '--strict'], folder)
}

/** Only packages with types have something to check. */
export async function typesResolve({ tarball }: Packed, folder: string): Promise<void> {
  await run('attw', [tarball, '--profile', 'esm-only'], folder)
}
