/**
 * A validator of any library that follows Standard Schema (https://standardschema.dev), version 1.
 * Structurally copied, as its authors invite, so that no schema library stands in a public type.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** Everything that the standard defines; only the validator's own library fills it. */
  readonly '~standard': {
    /** Of Standard Schema. */
    readonly version: 1
    /** Name of the library, for error texts. */
    readonly vendor: string
    /**
     * Only for type inference; never read at run time.
     *
     * @property input What it accepts.
     * @property output What it gives.
     */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    /** Checks a value; may be asynchronous. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    /** Present when the library also follows Standard JSON Schema. */
    readonly jsonSchema?: StandardJsonSchema | undefined
  }
}

/**
 * What a Standard Schema validator returns.
 *
 * @property value What the validator made of the value.
 * @property issues What was found wrong; absent: nothing.
 */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** One thing that a Standard Schema validator found wrong. */
export interface StandardIssue {
  /** For people. */
  readonly message: string
  /**
   * Where, from the root down; absent: the root.
   *
   * @property key One step, where the library wraps it.
   */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The conversion half of Standard JSON Schema. Both functions may throw. */
export type StandardJsonSchema = {
  readonly [Side in 'input' | 'output']: (options: { readonly target: 'draft-07' | 'draft-2020-12' }) => Record<string, unknown>
}

/** A plain JSON Schema document. `T` is the type that the author claims for it; see {@link jsonSchema}. */
export interface JsonSchema<T = unknown> {
  readonly [keyword: string]: unknown
  /** Never there: it would be a {@link StandardSchema}. */
  readonly '~standard'?: undefined
  /** Never there: it would be a {@link DocumentedSchema}. */
  readonly validator?: undefined
  /** Only for type inference; never present at run time. */
  readonly '~type'?: T
}

/** A validator that cannot convert itself, with the JSON Schema document to show to models beside it. */
export interface DocumentedSchema<Input = unknown, Output = Input> {
  /** Checks values; never shown to models. */
  readonly validator: StandardSchema<Input, Output>
  /** Shown to models; never checks. */
  readonly jsonSchema: object
  /** Never there: it would be a {@link StandardSchema}. */
  readonly '~standard'?: undefined
}

/** Every form in which a schema may be given. */
export type Schema<Output = unknown, Input = unknown> =
  | StandardSchema<Input, Output>
  | DocumentedSchema<Input, Output>
  | JsonSchema<Output>

/** The type that a schema's validation yields. */
export type InferOutput<S> = Infer<S, 'output'>

/** The type that a schema accepts. */
export type InferInput<S> = Infer<S, 'input'>

type Infer<S, Side extends 'input' | 'output'> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends Readonly<Record<Side, infer U>>
    ? U
    : unknown
  : S extends { readonly validator: infer V extends StandardSchema }
    ? Infer<V, Side>
    : S extends JsonSchema<infer T>
      ? T
      : unknown

/** Gives a JSON Schema document a type: `jsonSchema<{ city: string }>({ type: 'object', … })`. The claim is yours; validation still runs. */
export const jsonSchema = <T>(document: { readonly [keyword: string]: unknown }): JsonSchema<T> => document as JsonSchema<T>

/**
 * One thing that validation found wrong; `path` is a JSON Pointer into the validated value.
 *
 * @property path JSON Pointer; the root is `/`.
 * @property message For people and models.
 */
export type Issue = { readonly path: string; readonly message: string }

/**
 * What checking a value against a schema gives.
 *
 * @property value What the schema made of the value.
 * @property issues What was found wrong; absent: nothing.
 */
export type Validation = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] }
