import type { Server } from "node:http";
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import type { GraphQLSchema } from "graphql";
import { AppError } from "../errors/app-error.js";
import type { Logger } from "../lib/logger.js";
import type { ApiContext } from "../resolvers/api-context.js";
import { formatError, logErrors, toAppError, toGraphQLError } from "./graphql-format-error.js";
import type { OperationLimits } from "./graphql-limits.js";
import { checkOperation } from "./graphql-operation.js";

interface GraphQLOverHttpOptions {
  readonly schema: GraphQLSchema;
  readonly httpServer: Server;
  readonly limits: OperationLimits;
  readonly logger: Logger;
  readonly stopTimeoutMs: number;
}

/** Apollo Server with this API's limits and errors. Its protection from forged cross-site requests stays on. */
export const createGraphQLOverHttp = (options: GraphQLOverHttpOptions): ApolloServer<ApiContext> =>
  new ApolloServer<ApiContext>({
    schema: options.schema,
    introspection: true,
    csrfPrevention: true,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    parseOptions: { maxTokens: options.limits.tokens },
    formatError: (_formatted, error) => formatError(error),
    plugins: [
      checkOperations(options),
      logEncountered(options.logger),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginDrainHttpServer({
        httpServer: options.httpServer,
        stopGracePeriodMillis: options.stopTimeoutMs,
      }),
    ],
  });

const checkOperations = ({ schema, limits }: GraphQLOverHttpOptions): ApolloServerPlugin<ApiContext> => ({
  requestDidStart: () =>
    Promise.resolve({
      didResolveOperation({ document, operation, request }) {
        try {
          if (operation === undefined) return Promise.resolve(); // answered by Apollo: no operation of that name
          refuseSubscription(operation.operation);
          checkOperation({ schema, document, operation, variables: request.variables ?? {} }, limits);
          return Promise.resolve();
        } catch (error) {
          return Promise.reject(toGraphQLError(toAppError(error)));
        }
      },
    }),
});

function refuseSubscription(kind: string): void {
  if (kind !== "subscription") return;
  throw new AppError("BAD_REQUEST", "Subscriptions need a WebSocket at /graphql (protocol graphql-transport-ws).");
}

const logEncountered = (logger: Logger): ApolloServerPlugin<ApiContext> => ({
  requestDidStart: () =>
    Promise.resolve({
      didEncounterErrors({ errors, contextValue }) {
        logErrors(logger, contextValue.requestId, errors);
        return Promise.resolve();
      },
    }),
});
