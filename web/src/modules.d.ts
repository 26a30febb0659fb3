declare module "*.graphql" {
  const text: string;
  export default text;
}
declare module "*.css";

/** Set by the build: the bundled workers' file names, which carry a hash of their content. */
declare const WORKERS: { readonly editor: string; readonly json: string; readonly graphql: string };
