/** Sides of one thread run where the trial was quickest, and anywhere again afterwards. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PROCESSORS, tieToQuickest, untie } from '../harness/processors.ts'

/** What the system says of this process. */
const now = () => readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)$/m)![1]

test('the quickest processor is tied to, and all are given back', async () => {
  const before = PROCESSORS.length > 0 ? now() : ''
  const tried: (string | undefined)[] = []
  for (const quickest of PROCESSORS) {
    await tieToQuickest([], async () => {
      tried.push(now())
      return now() === `${quickest}` ? 1 : 2
    })
    expect(now()).toBe(`${quickest}`)
    untie([])
    expect(now()).toBe(before)
  }
  expect(new Set(tried)).toEqual(new Set(PROCESSORS.map(String)))
})
