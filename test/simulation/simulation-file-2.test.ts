/** The second hundred of the 200 seeds over a SQLite file. */
import { playSeeds } from './seeds.ts'

playSeeds('sqlite', 101, 100)
