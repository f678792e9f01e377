/** Faults on purpose: a panic is an error and the index lives on; a trap ends every promise. Last. */
import { equal, ok } from '../assert.ts'
import { type Case, within } from '../suite.ts'
import { clustered } from './data.ts'

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await within(20_000, work)
  } catch (error) {
    return error as Error
  }
  throw new Error('expected the injected fault to reject')
}

const panics: Case = {
  name: 'a panic, also one in the pool, is a BACKEND error and the index lives on',
  async run(env) {
    const data = clustered(2000, 16, 2)
    const options = { dim: 16, kind: 'hnsw', backend: env.backend } as const
    await using index = await env.nearfield.buildIndex(data, options)
    const before = JSON.stringify(await index.search(data.subarray(0, 16)))
    for (let round = 0; round < 20; round++) {
      for (const kind of ['panic', 'pool-panic'] as const) {
        const error = await failure(env.fault(kind))
        ok(
          /BACKEND|internal error|panic/i.test(`${(error as { code?: string }).code} ${error.message}`),
          `expected a BACKEND error, received ${error.message}`,
        )
      }
      equal(
        JSON.stringify(await index.search(data.subarray(0, 16))),
        before,
        `answers after ${round + 1} panics`,
      )
    }
    await using next = await env.nearfield.buildIndex(data, options)
    equal(
      JSON.stringify(await next.search(data.subarray(0, 16))),
      before,
      'answers of an index built after the panics',
    )
  },
}

/** In a page the module lives in a worker; without one, packages/wasm/test traps it in place. */
const trap: Case = {
  name: 'a hard trap rejects every pending promise and says so',
  when: ({ disk }) => disk === null,
  async run(env) {
    const data = clustered(3000, 16, 2)
    const index = await env.nearfield.buildIndex(data, { dim: 16, kind: 'hnsw', backend: env.backend })
    const settled = { answered: 0, rejected: 0 }
    const count = (work: Promise<unknown>) =>
      work.then(
        () => settled.answered++,
        () => settled.rejected++,
      )
    const pending = [count(env.fault('trap'))]
    for (let i = 0; i < 50; i++) pending.push(count(index.search(data.subarray(0, 16))))
    await within(20_000, Promise.all(pending))
    equal(settled.answered + settled.rejected, 51, 'promises that came to an end')
    ok(settled.rejected >= 1, 'expected the trap itself to reject')
    const error = await failure(index.search(data.subarray(0, 16)))
    equal((error as { code?: string }).code, 'BACKEND', 'code of a call after the trap')
  },
}

export const faultCases: readonly Case[] = [panics, trap]
