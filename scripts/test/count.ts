/** How the runners tell how many tests passed. */

export interface Count {
  readonly passed: number
  readonly failed: number
}
export type Counter = (output: string, code: number) => Count

/** A check is one test. */
export const check: Counter = (_, code) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })

/** `test result: ok. 12 passed; 0 failed; …`, once a crate; a suite that ignores tests failed. */
export const cargo: Counter = (output) => {
  const lines = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)]
  const sum = (group: number) => lines.reduce((total, line) => total + Number(line[group]), 0)
  return { passed: sum(1), failed: sum(2) + sum(3) }
}

/** vitest's `Tests  3 failed | 40 passed (43)`; skipped tests failed. */
export const vitest: Counter = (output) => {
  const line = [...output.matchAll(/^\s*Tests\s+(.*)$/gm)].at(-1)?.[1] ?? ''
  const number = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
  return { passed: number('passed'), failed: number('failed') + number('skipped') + number('todo') }
}

/** Our own runners end with `N passed, N failed`. */
export const plain: Counter = (output) => {
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1)
  return { passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0) }
}

/** Scripts that print `ok name` or `… passed` a test, `FAILED` a failure. */
export const named: Counter = (output) => ({
  passed: [...output.matchAll(/^ok \S|passed$/gm)].length,
  failed: [...output.matchAll(/^not ok |FAILED/gm)].length,
})
