/** Searches in what a worker lent: when they may be made, what they leave to the worker, and when all is given back. */
import { describe, expect, it, vi } from 'vitest'
import type { LentStage } from '../src/backend.ts'
import { borrow, type EnterModule, type SearchLent } from '../src/backends/lent.ts'

const QUERY = 0
const SLOTS = 64
const DISTANCES = 8192
const INDEX = 4711
const dim = 4

/** A worker that lends one stage, and a module that answers with the query's first numbers as slots. */
function lending() {
  const memory = new SharedArrayBuffer(16384)
  const stage: LentStage = { memory, dim, places: [QUERY, SLOTS, DISTANCES, INDEX] }
  const search = vi.fn<SearchLent>((_, k) => {
    const query = new Float32Array(memory, QUERY, dim)
    new Uint32Array(memory, SLOTS, k).set(query.subarray(0, k))
    new Float32Array(memory, DISTANCES, k).fill(0.5)
    return k
  })
  const enter = vi.fn<EnterModule>(() => search)
  const lender = {
    lendStage: vi.fn(async (): Promise<LentStage | null> => stage),
    atRest: vi.fn(() => true),
    died: vi.fn(),
  }
  return { search, enter, lender, borrower: borrow(Promise.resolve(enter), lender) }
}

const turn = () => new Promise((next) => setTimeout(next))
const slots = new Uint32Array(4)
const distances = new Float32Array(4)
const query = Float32Array.of(7, 5, 3, 1)

describe('what is lent', () => {
  it('is asked for once, and searched when it is there', async () => {
    const { borrower, lender, enter, search } = lending()
    expect(borrower.ready(1, 2)).toBe(false)
    expect(borrower.ready(1, 2)).toBe(false)
    await turn()
    expect(lender.lendStage).toHaveBeenCalledExactlyOnceWith(1, 1024)
    expect(enter).not.toHaveBeenCalled()
    for (let i = 0; i < 2; i++) {
      expect(borrower.ready(1, 2)).toBe(true)
      expect(borrower.searchInto(1, query, 2, 9, true, false, slots, distances)).toBe(2)
    }
    expect(enter).toHaveBeenCalledOnce()
    expect(search).toHaveBeenLastCalledWith(INDEX, 2, 9, true, false)
    expect([...slots.subarray(0, 2), ...distances.subarray(0, 2)]).toEqual([7, 5, 0.5, 0.5])
  })

  it('is left alone while the worker owes an answer, and for more answers than there is room for', async () => {
    const { borrower, lender } = lending()
    lender.atRest.mockReturnValue(false)
    expect(borrower.ready(1, 2)).toBe(false)
    expect(lender.lendStage).not.toHaveBeenCalled()
    lender.atRest.mockReturnValue(true)
    borrower.ready(1, 2)
    await turn()
    expect(borrower.ready(1, 1024)).toBe(true)
    expect(borrower.ready(1, 1025)).toBe(false)
    lender.atRest.mockReturnValue(false)
    expect(borrower.ready(1, 2)).toBe(false)
  })

  it('is forgotten with its index, also where it comes after that', async () => {
    const { borrower, lender } = lending()
    borrower.ready(1, 2)
    borrower.forget(1)
    await turn()
    expect(borrower.ready(1, 2)).toBe(false) // and asks again
    await turn()
    expect(borrower.ready(1, 2)).toBe(true)
    borrower.forget(1)
    expect(borrower.ready(1, 2)).toBe(false)
    expect(lender.lendStage).toHaveBeenCalledTimes(3)
  })

  it('is not used where the worker lends nothing or there is no instance', async () => {
    const { borrower, lender } = lending()
    lender.lendStage.mockResolvedValueOnce(null).mockRejectedValueOnce(new Error('CLOSED: no index'))
    const none = borrow(Promise.reject(new Error('refused by a policy')), lending().lender)
    for (const [which, index] of [
      [borrower, 1],
      [borrower, 2],
      [none, 1],
    ] as const) {
      expect(which.ready(index, 2)).toBe(false)
      await turn()
      expect(which.ready(index, 2)).toBe(false)
    }
    expect(lender.lendStage).toHaveBeenCalledTimes(2)
  })

  it('ends with the backend, and a trap ends the backend', async () => {
    const { borrower, lender, search } = lending()
    borrower.ready(1, 2)
    await turn()
    search.mockReturnValueOnce(-1) // an error or a panic: the worker says which
    expect(borrower.searchInto(1, query, 2, 0, false, true, slots, distances)).toBe(-1)
    expect(lender.died).not.toHaveBeenCalled()
    search.mockImplementationOnce(() => {
      throw new WebAssembly.RuntimeError('unreachable')
    })
    expect(borrower.searchInto(1, query, 2, 0, false, true, slots, distances)).toBe(-1)
    expect(lender.died).toHaveBeenCalledExactlyOnceWith('RuntimeError: unreachable')
    borrower.end()
    borrower.ready(1, 2)
    await turn()
    expect(borrower.ready(1, 2)).toBe(false)
  })
})
