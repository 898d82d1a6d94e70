/** Numbers by row of the table. */
export type Figures = Readonly<Record<string, number>>
