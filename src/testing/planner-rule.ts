/**
 * What the suite holds a planner to:
 * - `same-decision`: the same view gives the same decision, again, folded anew from the stored history, and to a fresh planner;
 * - `view-unchanged`: deciding changes nothing in the view;
 * - `no-ambient`: no clock, randomness, timer or I/O is touched while deciding;
 * - `valid-decision`: decisions and effects are of known kinds, plain JSON, and name only what is offered;
 * - `unique-keys`: no key is used twice in a run;
 * - `answered-calls`: every tool call of a model is answered exactly once in the next prompt;
 * - `idles-while-open`: a planner that is not reactive waits until all effects have settled;
 * - `ends`: a run comes to an end, and to the end that the scenario asks for;
 * - `failures-told`: what went wrong reaches the model or ends the run; it never gets lost.
 *
 * A planner that has `compensate` is asked that too at every point, as if its run were cancelled there, under the same rules:
 * it is pure and gives plain JSON or nothing. The compensating run of the last point is driven to its end.
 */
export type PlannerRule =
  | 'same-decision'
  | 'view-unchanged'
  | 'no-ambient'
  | 'valid-decision'
  | 'unique-keys'
  | 'answered-calls'
  | 'idles-while-open'
  | 'ends'
  | 'failures-told'
