/**
 * Files by path. Replacing one is a transaction of the file system: a temporary file in the same
 * folder, written, synced, renamed over the old one, the folder synced. Whatever fails or aborts on
 * the way, the path holds the old file or the new one, and the temporary file is gone.
 */
import * as nodeFs from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { NearfieldError } from '../api/errors.ts'
import type { Files, OpenFile } from '../api/host.ts'

/** What is used of `node:fs/promises`; tests give one that fails. */
export type FileSystem = Pick<typeof nodeFs, 'open' | 'rename' | 'unlink' | 'realpath'>

export function nodeFiles(fs: FileSystem = nodeFs): Files {
  return {
    open: (path) => open(fs, path),
    replace: (path, pieces) => replace(fs, path, pieces),
  }
}

async function open(fs: FileSystem, path: string): Promise<OpenFile> {
  const file = await io('open', path, fs.open(path, 'r'))
  try {
    const stats = await io('read', path, file.stat())
    if (!stats.isFile()) throw new NearfieldError('IO', `cannot read ${path}: it is not a file`)
    return {
      bytes: stats.size,
      read: async (into, offset) =>
        (await io('read', path, file.read(into, 0, into.length, offset))).bytesRead,
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function replace(fs: FileSystem, path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const target = await throughLinks(fs, path)
  const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.tmp`)
  const file = await io('write', path, fs.open(temporary, 'wx'))
  try {
    try {
      for await (const piece of pieces) await writeAll(file, piece, path)
      await io('write', path, file.sync())
    } finally {
      await io('write', path, file.close())
    }
    await io('write', path, fs.rename(temporary, target))
  } catch (error) {
    await fs.unlink(temporary).catch(() => {}) // gone already, or as much beyond reach as the first error says
    throw error
  }
  await syncFolder(fs, dirname(target), path)
}

/** A write may take less than it was given. */
async function writeAll(file: nodeFs.FileHandle, piece: Uint8Array, path: string): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    const { bytesWritten } = await io('write', path, file.write(piece, at, piece.length - at))
    at += bytesWritten
  }
}

/** The file a link leads to, so that saving replaces the file and keeps the link. */
async function throughLinks(fs: FileSystem, path: string): Promise<string> {
  try {
    return await fs.realpath(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path
    throw ioError('write', path, error)
  }
}

/** Systems that cannot open or sync a folder order renames themselves. */
const NO_FOLDER_SYNC = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF', 'ENOSYS'])

async function syncFolder(fs: FileSystem, folder: string, path: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(codeOf(error))) throw ioError('write', path, error)
  }
}

async function io<T>(verb: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw ioError(verb, path, error)
  }
}

function ioError(verb: string, path: string, cause: unknown): NearfieldError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new NearfieldError('IO', `cannot ${verb} ${path}: ${why}`, { cause })
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
