/** Every case, in the order they run. Traps come last: they end their backend. */
import type { Case } from '../suite.ts'
import { addCases } from './add.ts'
import { autoCases } from './auto.ts'
import { codesAloneCases } from './codes-alone.ts'
import { errorCases } from './errors.ts'
import { faultCases } from './faults.ts'
import { fileCases, readCases, writeCases } from './files.ts'
import { generateCases } from './generate.ts'
import { hnswlibCases } from './hnswlib.ts'
import { lentCases, lentTrap } from './lent.ts'
import { measureCases } from './measure.ts'
import { searchCases } from './search.ts'
import { setCases } from './sets.ts'
import { zonesCases } from './zones.ts'

/** `write` first in every runtime, then `read` in every runtime, when all files are there. */
export const passes: Readonly<Record<'write' | 'read', readonly Case[]>> = {
  write: writeCases,
  read: [
    ...readCases,
    ...searchCases,
    ...setCases,
    ...measureCases,
    ...codesAloneCases,
    ...zonesCases,
    ...autoCases,
    ...addCases,
    ...lentCases,
    ...generateCases,
    ...errorCases,
    ...fileCases,
    ...hnswlibCases,
    ...faultCases,
    lentTrap,
  ],
}
