import { seeded } from '../../seeded.ts'
import type { DialogueSet, Question, Turn } from './set.ts'
import { makeWords, pick, sample, zipf } from './words.ts'

const CONVERSATIONS = 10
const SESSIONS = 20
const TURNS = 28
const THINGS = 40
const FACTS = 150
const UNSAID = 45
/** Of the facts, those that one speaker asks about and the other tells, without naming the thing again. */
const ANSWERED = 0.4
/** Of the words of a question, those that the conversation says in another way. */
const OTHERWISE = 0.3

/** Something that people talk about, by two words; both are seldom said each time. */
interface Thing {
  readonly words: readonly [string, string]
}

interface Fact {
  readonly thing: Thing
  /** What it tells about the thing: the word in the conversation, and the one that a question may use for it. */
  readonly property: readonly [said: string, asked: string]
  readonly value: string
}

/**
 * Conversations of two people over twenty sessions. A session has a few things as its theme, and returns to them; facts are
 * told outright, or asked for by one and given by the other; most turns are talk. Questions name the thing by one or both of
 * its words, and the property, three times in ten by a word that was never said. Some ask what was never told.
 */
export function generatedDialogue(seed: number): DialogueSet {
  const random = seeded(seed)
  const talk = makeWords(random, 4_000)
  const sameAs = new Map<string, string>()
  return {
    kind: 'dialogue',
    name: 'generated dialogue',
    origin: `seed ${seed}`,
    wanted: 'turn',
    conversations: Array.from({ length: CONVERSATIONS }, () => conversation(random, talk, sameAs)),
    sameAs,
  }
}

function conversation(
  random: () => number,
  talk: readonly string[],
  sameAs: Map<string, string>,
): DialogueSet['conversations'][number] {
  const own = makeWords(random, THINGS * 2 + 60)
  const things: readonly Thing[] = Array.from({ length: THINGS }, (_, at) => ({
    words: [own[at * 2] as string, own[at * 2 + 1] as string],
  }))
  const properties = Array.from({ length: 30 }, (_, at) => {
    const from = THINGS * 2 + at * 2
    const [said, asked] = own.slice(from, from + 2) as [string, string]
    sameAs.set(asked, said)
    return [said, asked] as const
  })
  const told: (Fact & { readonly evidence: string })[] = []
  const turns: Turn[] = []
  const chat = (least: number, most: number): string[] =>
    Array.from({ length: least + Math.floor(random() * (most - least)) }, () => zipf(random, talk))
  for (let session = 1; session <= SESSIONS; session += 1) {
    const theme = sample(random, things, 4)
    const say = (words: readonly string[]): string => {
      const id = `D${session}:${turns.length}`
      turns.push({ id, session: `s${session}`, speaker: turns.length % 2 === 0 ? 'Ada' : 'Ben', text: words.join(' ') })
      return id
    }
    const until = turns.length + TURNS
    while (turns.length < until) {
      const kind = random()
      if (kind < FACTS / (SESSIONS * TURNS)) {
        const fact = { thing: pick(random, theme), property: pick(random, properties), value: pick(random, talk) }
        if (isKnown(told, fact)) continue
        told.push({ ...fact, evidence: tell(random, fact, say, chat) })
      } else if (kind < 0.5) say([...mention(random, pick(random, theme)), ...chat(6, 20)])
      else say(chat(4, 24))
    }
  }
  const questions: Question[] = told.map(({ evidence, ...fact }) => ({
    text: ask(random, fact.thing, fact.property, zipf(random, talk)),
    evidence: [evidence],
  }))
  while (questions.length < told.length + UNSAID) {
    const fact = { thing: pick(random, things), property: pick(random, properties) }
    if (!isKnown(told, fact)) questions.push({ text: ask(random, fact.thing, fact.property, zipf(random, talk)), evidence: [] })
  }
  return { turns, questions }
}

function isKnown(told: readonly Fact[], { thing, property }: Pick<Fact, 'thing' | 'property'>): boolean {
  return told.some((fact) => fact.thing === thing && fact.property === property)
}

/** Gives the turn that holds the value. */
function tell(
  random: () => number,
  { thing, property, value }: Fact,
  say: (words: readonly string[]) => string,
  chat: (least: number, most: number) => string[],
): string {
  if (random() >= ANSWERED) return say([...mention(random, thing), ...chat(2, 8), property[0], value, ...chat(2, 8)])
  say([...chat(2, 6), ...mention(random, thing), property[0], ...chat(1, 5)])
  return say([value, ...chat(4, 14)])
}

/** By both words, or by one alone. */
function mention(random: () => number, { words }: Thing): readonly string[] {
  return random() < 0.6 ? words : [pick(random, words)]
}

function ask(random: () => number, thing: Thing, [said, asked]: Fact['property'], filler: string): string {
  const property = random() < OTHERWISE ? asked : said
  return ['what was the', property, 'of', ...mention(random, thing), 'when they talked about', filler].join(' ')
}
