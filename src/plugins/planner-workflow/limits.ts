/** The bounds of workflow documents. What is past one is refused when the document is loaded, before anything runs. */
export const WORKFLOW_LIMITS = {
  /** Characters of a document's text. */
  source: 262_144,
  /** Words, signs and spaces that the reader of YAML makes of a text; bounds its time, since many short keys are slow to read. */
  tokens: 60_000,
  /** Nesting of maps and lists. */
  depth: 64,
  /** Values in a document. */
  values: 50_000,
  /** Problems that are listed; what is past them is counted. */
  problems: 100,
  /** Tasks in a document. */
  tasks: 1_000,
  /** Items of one `forEach`; a longer list fails its task before any item is begun. */
  fanOut: 1_000,
  /** Characters of one expression. */
  expression: 2_048,
  /** Nesting of one expression. */
  expressionDepth: 50,
  /** `map`, `filter`, `all`, `exists` inside one another, or over one another's results. */
  comprehensionDepth: 2,
  /** `map`, `filter`, `all`, `exists` in one expression. */
  comprehensions: 8,
  /** Values that one expression may read or give. */
  expressionValues: 50_000,
  /** Items of a list that an expression with a comprehension may read. */
  comprehensionItems: 5_000,
  /** The same where one comprehension is inside another. */
  nestedItems: 300,
  /** Characters of a text that an expression makes. */
  expressionText: 1_048_576,
  /** Calls of `matches` in one expression. */
  patterns: 4,
  /** Characters of a pattern. */
  patternLength: 256,
  /** Executions of a task, the first included. */
  attempts: 100,
  /** Rules of a task. */
  rules: 100,
} as const
