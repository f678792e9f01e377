/** Saving to a path: whole or not at all, whatever fails, and no file left behind. */
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FileSystem, nodeFiles } from '../src/hosts/node-files.ts'
import { house, line, refuses } from './house.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'nearfield-'))
  path = join(folder, 'index.nfx')
})
afterEach(() => fs.rm(folder, { recursive: true }))

const fail = (code: string) => Object.assign(new Error(`${code}: injected`), { code })

/** A file system whose files fail at one method. */
function failing(method: 'write' | 'sync' | 'close', code: string): FileSystem {
  return {
    ...fs,
    open: async (...args: Parameters<typeof fs.open>) => {
      const file = await fs.open(...args)
      const real = file[method].bind(file) as (...args: unknown[]) => Promise<unknown>
      Object.assign(file, {
        [method]: async (...given: unknown[]) => {
          if (method === 'close') await real(...given)
          throw fail(code)
        },
      })
      return file
    },
  }
}

describe('a path', () => {
  it('is written, replaced, and opened again', async () => {
    const { buildIndex, openIndex } = house()
    await (await buildIndex(line(10), { dim: 4 })).save(path)
    await (await buildIndex(line(20), { dim: 4 })).save(pathToFileURL(path))
    expect((await openIndex(path)).size).toBe(20)
    expect((await openIndex(pathToFileURL(path))).size).toBe(20)
    expect(await fs.readdir(folder)).toEqual(['index.nfx'])
  })

  it('that is a link keeps being one', async () => {
    await fs.writeFile(join(folder, 'real'), 'old')
    await fs.symlink(join(folder, 'real'), path)
    const { buildIndex, openIndex } = house()
    await (await buildIndex(line(10), { dim: 4 })).save(path)
    expect((await fs.lstat(path)).isSymbolicLink()).toBe(true)
    expect((await openIndex(join(folder, 'real'))).size).toBe(10)
  })

  it.each([
    ['a full disk', failing('write', 'ENOSPC'), /cannot write .*index.nfx: ENOSPC/],
    ['a failing fsync', failing('sync', 'EIO'), /EIO/],
    ['a failing close', failing('close', 'EDQUOT'), /EDQUOT/],
    ['a failing rename', { ...fs, rename: () => Promise.reject(fail('EXDEV')) }, /EXDEV/],
    ['a folder nobody may write', { ...fs, open: () => Promise.reject(fail('EACCES')) }, /EACCES/],
  ] as const)('survives %s with the old file', async (_, broken, message) => {
    await fs.writeFile(path, 'the old file')
    const index = await house(undefined, nodeFiles(broken as FileSystem)).buildIndex(line(10), { dim: 4 })
    await refuses(() => index.save(path), 'IO', message)
    expect(await fs.readFile(path, 'utf8')).toBe('the old file')
    expect(await fs.readdir(folder)).toEqual(['index.nfx'])
    expect(await index.search(line(1), { k: 1 })).toHaveLength(1)
  })

  it('survives an abort and a failing read of the index', async () => {
    await fs.writeFile(path, 'the old file')
    const { backend, buildIndex } = house()
    const index = await buildIndex(line(10), { dim: 4 })
    const stop = new AbortController()
    await expect(
      index.save(path, { signal: stop.signal, onProgress: () => stop.abort('stop') }),
    ).rejects.toBe('stop')
    backend.gate = () => Promise.reject(new Error('MEMORY: none left'))
    await refuses(() => index.save(path), 'MEMORY', /none left/)
    expect(await fs.readFile(path, 'utf8')).toBe('the old file')
    expect(await fs.readdir(folder)).toEqual(['index.nfx'])
  })

  it('goes on after a short write', async () => {
    const slow: FileSystem = {
      ...fs,
      open: async (...args: Parameters<typeof fs.open>) => {
        const file = await fs.open(...args)
        const write = file.write.bind(file) as (
          bytes: Uint8Array,
          at: number,
          length: number,
        ) => Promise<unknown>
        return Object.assign(file, {
          write: (bytes: Uint8Array, at: number, length: number) => write(bytes, at, Math.min(length, 7)),
        })
      },
    }
    const { buildIndex, openIndex } = house(undefined, nodeFiles(slow))
    const index = await buildIndex(line(10), { dim: 4 })
    await index.save(path)
    expect(new Uint8Array(await fs.readFile(path))).toEqual(await index.toBytes())
    expect((await openIndex(path)).size).toBe(10)
  })
})
