import "./workers.js";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "@graphiql/plugin-explorer/style.css";
import "./theme.css";
import { createRoot } from "react-dom/client";
import { Playground } from "./playground.js";

const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<Playground />);
