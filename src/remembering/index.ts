/**
 * What the memories share: checking what they are given, deciding what a write comes to, ranking what was found, and the form of
 * an export. Pure, but for hashes; imports core and `node:crypto` alone.
 */
export { assembleRecall, candidateCount, type Findings } from './assemble.ts'
export { badCursor, checkAppend, checkForget, checkGet, checkList, checkRecall, checkUpdate, signalOf } from './calls.ts'
export type { AppendCall, ListCall, Reach, RecallCall, UpdateCall } from './calls.ts'
export { createScan } from './choose-scan.ts'
export { contentHash, entryOf, sha256 } from './content-hash.ts'
export { readCursor, writeCursor, type Position } from './cursor.ts'
export { checkVectors, createEmbedder, type Embedder, type EmbedderOptions } from './embedder.ts'
export { checkId } from './entry.ts'
export { found, inputInvalid, isObject, memoryClosed, memoryFailed, optionsInvalid, type FailureReason } from './faults.ts'
export { checkFilter, compareText, fieldOf, matches } from './filter.ts'
export { chosenBy, withSummaries } from './forgetting.ts'
export { compareRecords, timeOf, type Leg } from './fuse.ts'
export { aliveAt, freezeDeep, idsOf, isCurrent, isExpired, ofInserted, planAppend, planUpdate, summariesOf } from './ledger.ts'
export type { AppendBasis, AppendPlan } from './ledger.ts'
export { lexicalIndex, type LexicalIndex } from './lexical-index.ts'
export { exportLines, importLines, newAmong, readRecord } from './lines.ts'
export {
  checkMemoryOptions,
  requireFlags,
  requireWhole,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from './memory-options.ts'
export { createOpening, type Opening } from './opening.ts'
export { roughTokens, tokensOf } from './pack.ts'
export { withFreePlaces, type TakenPlaces } from './places.ts'
export { createQueue, type Queue } from './queue.ts'
export { dot, type Scan } from './scan.ts'
export { checkGrant, checkScope, checkTenant, decodeScope, encodeLabel, encodeScope, isInReach, SCOPE_LABELS } from './scope.ts'
export type { Hit } from './structure.ts'
export { topK, type Scored, type TopK } from './top-k.ts'
export { embedQuery, tryEmbed, type Embedded, type EmbeddedQuery } from './try-embed.ts'
export { createVectorCache, type VectorCache, type Versioned } from './vector-cache.ts'
export { vectorIndex, type VectorIndex } from './vector-index.ts'
export { untilAborted } from './until-aborted.ts'
export { wordsOf } from './words.ts'
