/** 200 seeds over memory at every check; `npm run simulate` plays thousands. Those over a file, ten times as slow, are beside this. */
import { playSeeds } from './seeds.ts'

playSeeds('memory', 1, 200)
