/** English words that are in almost every text, apostrophes taken out; not those that are then another word, such as id. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about after again all also am an and any are arent as at be because been before being but by can cant could did didnt do
  does doesnt doing dont for from had has have having he her here hers hes him his how i if im in into is isnt it
  its ive just me more most my no nor not of off on once only or other our ours out over own same she shes should so some such
  than that thats the their theirs them then there these they theyre this those to too under until up very was wasnt we were
  weve what whats when where which while who whom whose why will with wont would you youd youll your youre yours youve`.split(
    /\s+/,
  ),
)
