import { type ClassType, ArgsType, Field, ID, Int } from "type-graphql";
import { maxPageSize } from "../model/page.js";
import { IsBetween, IsId, IsLabel } from "./rules.js";

@ArgsType()
export class NameArgs {
  @Field(() => String, { description: "The resource's name." })
  @IsLabel()
  name!: string;

  @Field(() => String, { defaultValue: "default", description: "The namespace it lives in." })
  @IsLabel()
  namespace!: string;
}

@ArgsType()
export class IdArgs {
  @Field(() => ID, { description: "The id: a UUID." })
  @IsId()
  id!: string;
}

@ArgsType()
export class NamespaceArgs {
  @Field(() => String, { nullable: true, description: "Only what lives in this namespace; all where left out." })
  @IsLabel()
  namespace?: string | null;
}

export interface FirstArgs {
  first: number;
  after?: string | null;
}

/** The arguments of a list that is read forwards, `defaultFirst` at a time. */
export function firstArgs(defaultFirst: number): ClassType<FirstArgs> {
  @ArgsType()
  class ForwardArgs implements FirstArgs {
    @Field(() => Int, { defaultValue: defaultFirst, description: `How many at most: 1 to ${maxPageSize}.` })
    @IsBetween(1, maxPageSize)
    first!: number;

    @Field(() => String, { nullable: true, description: "Only what comes after this cursor." })
    after?: string | null;
  }
  return ForwardArgs;
}

export const First20Args = firstArgs(20);
export const First50Args = firstArgs(50);
export const First100Args = firstArgs(100);
