/** `nearfield gen`: writes, goes on with, or verifies the bytes of a recipe. */
import { defineCommand } from 'citty'
import { Generator } from 'nearfield'
import { Failure, type Status } from '../failure.ts'
import { bytesText, sizeText } from '../sizes.ts'
import { displayed, Meter, rateText, timeText } from './display.ts'
import { ARGUMENTS, type Arguments, type Plan, planOf } from './plan.ts'
import { Target } from './target.ts'
import { type Course, verifyAll, writeAll } from './transfer.ts'

/** What of a file's end is looked at before it is gone on with. */
const TAIL_BYTES = 4 << 20

export const gen = defineCommand({
  meta: {
    name: 'gen',
    description:
      'Data that neither compresses nor repeats unless asked to, the same for a seed on every machine',
  },
  args: ARGUMENTS,
  run: ({ args, data }) => run(args as unknown as Arguments, data as AbortSignal),
})

async function run(args: Arguments, signal: AbortSignal): Promise<Status> {
  const plan = planOf(args)
  const { recipe, quiet } = plan
  await using source = new Generator(recipe)
  await source.ready
  const target = await Target.open(plan)
  try {
    const [from, until] = await range(plan, source, target, signal)
    if (plan.mode === 'resume' && from === until) {
      if (!quiet) say(`${plan.out} is whole already`)
      return 0
    }
    const meter = new Meter(from, until)
    const course: Omit<Course, 'report'> = { from, until, chunkBytes: plan.chunkBytes, signal }
    const title = `${plan.mode === 'verify' ? 'verifying' : 'writing'} ${name(plan)}`
    const end = await displayed(title, !quiet, meter, async (report) => {
      const all = plan.mode === 'verify' ? verifyAll : writeAll
      const end = await all(source, target, { ...course, report })
      if (plan.mode !== 'verify') await target.flush()
      return end
    }).catch((error) => {
      throw error instanceof Failure && plan.mode === 'verify'
        ? new Failure(`${name(plan)} ${error.message}`)
        : error
    })
    const bytes = end - from
    const took = `${sizeText(bytes)} in ${timeText(meter.seconds)}, ${rateText(bytes / Math.max(meter.seconds, 1e-9))}`
    if (end < until) {
      if (!quiet)
        say(
          plan.out === '-'
            ? 'stopped'
            : `stopped at byte ${end.toLocaleString('en')}${next(plan, end)}; ${took}`,
        )
      return 130
    }
    if (!quiet)
      say(`${plan.mode === 'verify' ? 'the same' : 'wrote'}: ${name(plan)}, ${took}${how(plan, target)}`)
    return 0
  } finally {
    await target.close()
  }
}

/** What is left to do; checks what is there already. */
async function range(
  plan: Plan,
  source: Generator,
  target: Target,
  signal: AbortSignal,
): Promise<readonly [from: number, until: number]> {
  const { length } = target
  if (plan.mode === 'verify' && length !== undefined) {
    if (length > plan.recipe.size)
      throw new Failure(
        `${plan.out} goes on after the stream's end: it has ${bytesText(length)}, expected ${bytesText(plan.recipe.size)}`,
      )
    if (length <= plan.from && plan.from < plan.until)
      throw new Failure(
        `${plan.out} too short: it ends at byte ${length.toLocaleString('en')}, expected ${bytesText(plan.until)}`,
      )
  }
  if (plan.mode !== 'resume') return [plan.from, plan.until]
  if (length === undefined)
    throw new Failure(`${plan.out} does not say how much of it there is: use --offset`)
  if (length > plan.recipe.size)
    throw new Failure(`${plan.out} has ${bytesText(length)}, more than --size: nothing to resume`)
  const from = Math.max(0, length - TAIL_BYTES)
  const tail = { from, until: length, chunkBytes: TAIL_BYTES, signal, report: () => {} }
  await verifyAll(source, target, tail).catch((error) => {
    throw error instanceof Failure
      ? new Failure(
          `${plan.out} is no beginning of this stream: it ${error.message}; were seed, size or ratios others?`,
        )
      : error
  })
  return [length, plan.until]
}

const name = ({ out, mode }: Plan) =>
  out !== '-' ? out : mode === 'verify' ? 'standard input' : 'standard output'

function next(plan: Plan, end: number): string {
  if (plan.mode === 'verify') return `: the same until there, --offset ${end} goes on`
  return plan.part ? `: --offset ${end} goes on` : ': --resume goes on'
}

const how = ({ mode }: Plan, { direct }: Target) =>
  mode === 'verify' ? '' : direct ? ', past the page cache' : ''

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
