import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./style.css";

import { examples } from "./examples";
import { fetcher } from "./fetcher";
import { StatusLine } from "./StatusLine";
import { forgetTabsIfAsked } from "./tabs";

const plugins = [explorerPlugin()];

function Page() {
  return (
    <>
      <StatusLine />
      <main>
        <GraphiQL
          fetcher={fetcher}
          defaultTabs={examples}
          defaultEditorToolsVisibility="variables"
          plugins={plugins}
          inputValueDeprecation
        />
      </main>
    </>
  );
}

forgetTabsIfAsked();
createRoot(document.getElementById("root")!).render(<Page />);
