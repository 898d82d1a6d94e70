/** 200 seeds over a SQLite file at every check: these, and those of simulation-file-2, so that two processors share them. */
import { playSeeds } from './seeds.ts'

playSeeds('sqlite', 1, 100)
