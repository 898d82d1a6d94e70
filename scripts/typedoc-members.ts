/**
 * TypeDoc plugin: `@property` reaches the members that TypeDoc itself cannot document without a line of code for each.
 * TypeDoc takes the tag for members of an interface or of a bare type literal; this takes it for unions, intersections,
 * arrays and type arguments too, in the comment of a type alias, a member, a function or a method. A path such as
 * `value.type` leads into a member's own type. One text serves all members of that name; a tag that names no member is an
 * error, so that none outlives what it describes.
 */
import {
  type Application,
  Comment,
  type Context,
  Converter,
  DeclarationReflection,
  type ProjectReflection,
  type Reflection,
  SignatureReflection,
  type SomeType,
} from 'typedoc'

/** Called by TypeDoc. */
export function load(app: Application): void {
  // Before TypeDoc's own handling, which drops the tags it cannot use in silence.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }: Context) => {
    for (const reflection of Object.values(project.reflections)) {
      const { comment } = reflection
      for (const tag of comment?.getTags('@property') ?? []) {
        const path = (tag.name ?? '').split('.')
        const members = path.reduce<readonly Reflection[]>(
          (from, name) => from.flatMap((one) => membersOf(one, name)),
          [reflection],
        )
        if (members.length === 0)
          app.logger.warn(`@property ${tag.name} in the comment of ${reflection.getFriendlyFullName()} names no member`)
        for (const member of members) member.comment ??= new Comment(Comment.cloneDisplayParts(tag.content))
      }
      comment?.removeTags('@property')
    }
    shareTexts(project)
  })
}

/** TypeDoc writes some types out wherever they are used; what stands at one place of the source has one text. */
function shareTexts(project: ProjectReflection): void {
  const reflections = Object.values(project.reflections)
  const placeOf = (reflection: Reflection): string | undefined => {
    const symbol = project.getSymbolIdFromReflection(reflection)
    return symbol === undefined ? undefined : `${symbol.packagePath}:${symbol.pos}:${reflection.name}`
  }
  const texts = new Map<string, Comment>()
  for (const reflection of reflections) {
    const place = placeOf(reflection)
    if (place !== undefined && reflection.comment !== undefined) texts.set(place, reflection.comment)
  }
  for (const reflection of reflections) {
    const text = texts.get(placeOf(reflection) ?? '')
    if (text !== undefined) reflection.comment ??= text.clone()
  }
}

function membersOf(reflection: Reflection, name: string): readonly Reflection[] {
  if (reflection instanceof SignatureReflection) return inType(reflection.type, name)
  if (!(reflection instanceof DeclarationReflection)) return []
  const own = (reflection.children ?? []).filter((child) => child.name === name)
  if (own.length > 0) return own
  return [...inType(reflection.type, name), ...(reflection.signatures ?? []).flatMap(({ type }) => inType(type, name))]
}

/** Members of that name in all literals that a type is put together from. */
function inType(type: SomeType | undefined, name: string): readonly Reflection[] {
  switch (type?.type) {
    case 'reflection':
      return membersOf(type.declaration, name)
    case 'union':
    case 'intersection':
      return type.types.flatMap((part) => inType(part, name))
    case 'reference':
      return (type.typeArguments ?? []).flatMap((argument) => inType(argument, name))
    case 'array':
      return inType(type.elementType, name)
    case 'typeOperator':
      return inType(type.target, name)
    default:
      return []
  }
}
