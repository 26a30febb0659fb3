import { Button, useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";
import type { JSX } from "react";
import { moreWays, tour, type Step } from "./tour.js";

/** The walk-through again, for when its tabs have been closed or changed. */
export const tourPlugin: GraphiQLPlugin = { title: "Walk-through", icon: TourIcon, content: TourPanel };

function TourPanel(): JSX.Element {
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const open = (step: Step): void => {
    addTab();
    queryEditor?.setValue(step.operation);
  };
  return (
    <section className="fermi-tour" aria-label="Walk-through">
      <h2>Walk-through</h2>
      <p>From source text to an HTTP endpoint. Each step opens in a tab of its own and runs as it stands.</p>
      <ol>{tour.map((step) => stepItem(step, open))}</ol>
      <h3>More ways to call a function</h3>
      <ul>{moreWays.map((step) => stepItem(step, open))}</ul>
      <h3>What this page keeps</h3>
      <p>
        History keeps the text of operations in this browser: no headers, no variables, and nothing that spells out a
        function&rsquo;s variables or a call&rsquo;s headers. Tabs last until this browser tab is closed. Headers are
        stored nowhere.
      </p>
    </section>
  );
}

function stepItem(step: Step, open: (step: Step) => void): JSX.Element {
  return (
    <li key={step.title}>
      <Button type="button" onClick={() => open(step)}>
        {step.title}
      </Button>
      <span>{step.summary}</span>
    </li>
  );
}

function TourIcon(): JSX.Element {
  return (
    <svg height="1em" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.5} aria-hidden="true">
      <circle cx={5} cy={19} r={2.5} />
      <circle cx={19} cy={5} r={2.5} />
      <path d="M7.5 19H16a3.5 3.5 0 0 0 0-7H8a3.5 3.5 0 0 1 0-7h8.5" strokeLinecap="round" />
    </svg>
  );
}
