import type { Check } from '../contender.ts'
import { erasure } from './erasure.ts'
import { injection } from './injection.ts'
import { spaces, tenants, wildcards } from './tenants.ts'
import { vectors } from './vectors.ts'
import { appends, failures, upserts } from './writes.ts'

/** The rows, in order. */
export const checks: Readonly<Record<string, Check>> = {
  tenants,
  wildcards,
  spaces,
  injection,
  upserts,
  appends,
  failures,
  vectors,
  erasure,
}
