/** The frame around all pages: where one can go, search, and what is shown now. */
import { useEffect, useRef } from 'preact/hooks';
import { AnalysisPage } from './pages/analysis-page.tsx';
import { ControlPage } from './pages/control-page.tsx';
import { DenialsPage } from './pages/denials-page.tsx';
import { ExplainPage } from './pages/explain-page.tsx';
import { GraphPage } from './pages/graph-page.tsx';
import { ServicePage } from './pages/service-page.tsx';
import { ServicesPage } from './pages/services-page.tsx';
import { TapPage } from './pages/tap-page.tsx';
import { WorkloadPage } from './pages/workload-page.tsx';
import { WorkloadsPage } from './pages/workloads-page.tsx';
import { isHelpOpen, isSearchOpen, onShortcut, PAGES } from './state/shortcuts.ts';
import { useAbout, useTopology, windowText, WINDOWS } from './state/mesh.ts';
import { segments, setParams } from './state/router.ts';
import { isDark, switchTheme } from './state/theme.ts';
import { Choice } from './ui/choice.tsx';
import { Help } from './ui/help.tsx';
import { Icon } from './ui/icon.tsx';
import { Link } from './ui/link.tsx';
import { SearchDialog } from './ui/search-dialog.tsx';
import { SourceDrawer } from './ui/source-drawer.tsx';

function Navigation() {
  const [first = ''] = segments.value;
  const about = useAbout().value.value;
  return (
    <nav class="sidebar" aria-label="Pages">
      <Link to="/" class="brand" title="Tulle">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M7 8C14 8 12 16 16 16s2 8 9 8M7 24c7 0 5-8 9-8s2-8 9-8M7 16h18" />
          <circle cx="6" cy="8" r="3" />
          <circle cx="6" cy="16" r="3" />
          <circle cx="6" cy="24" r="3" />
          <circle cx="26" cy="8" r="3" />
          <circle cx="26" cy="16" r="3" />
          <circle cx="26" cy="24" r="3" />
        </svg>
        Tulle
      </Link>
      <ul>
        {PAGES.map(({ path, title, icon, key }) => (
          <li key={path}>
            <Link to={`/${path}`} current={first === path} title={`${title} (g ${key})`}>
              <Icon name={icon} /> {title}
            </Link>
          </li>
        ))}
      </ul>
      <p class="sidebar-foot">{about === undefined ? '' : `Tulle ${about.version}`}</p>
    </nav>
  );
}

function Connection() {
  const { error, value } = useTopology().value;
  const isLost = error !== '';
  const word = isLost ? 'not connected' : value === undefined ? 'connecting' : 'live';
  return (
    <span class={`connection ${isLost ? 'is-bad' : 'is-ok'}`} role="status" title={isLost ? error : 'figures are asked for every 3 s'}>
      <span class={`dot dot-${isLost ? 'bad' : value === undefined ? 'idle' : 'ok'}`} /> {word}
    </span>
  );
}

function Header() {
  return (
    <header class="topbar">
      <button type="button" class="search-button" aria-keyshortcuts="/" onClick={() => (isSearchOpen.value = true)}>
        <Icon name="search" /> Search <kbd>/</kbd>
      </button>
      <span class="spacer" />
      <Connection />
      <Choice
        label="Window of figures"
        value={windowText()}
        options={WINDOWS}
        onChange={(window) => setParams({ window: window === '1m' ? '' : window })}
      />
      <button type="button" class="icon-button" aria-label="Keyboard shortcuts" title="keys (?)" onClick={() => (isHelpOpen.value = true)}>
        <Icon name="keyboard" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label={isDark() ? 'Light colours' : 'Dark colours'}
        title="light or dark (t)"
        onClick={switchTheme}
      >
        <Icon name={isDark() ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}

const PLAIN_PAGES: Readonly<Record<string, () => preact.JSX.Element>> = {
  services: ServicesPage,
  workloads: WorkloadsPage,
  tap: TapPage,
  denials: DenialsPage,
  explain: ExplainPage,
  analysis: AnalysisPage,
  control: ControlPage,
};

function CurrentPage() {
  const [first = '', namespace, name] = segments.value;
  if (first === '' || first === 'graph') return <GraphPage />;
  if (first === 'services' && namespace !== undefined && name !== undefined)
    return <ServicePage key={`${namespace}/${name}`} namespace={namespace} name={name} />;
  if (first === 'workloads' && namespace !== undefined && name !== undefined)
    return <WorkloadPage key={`${namespace}/${name}`} namespace={namespace} name={name} />;
  const Found = PLAIN_PAGES[first];
  return Found === undefined ? <p class="empty">There is no such page.</p> : <Found />;
}

export function App() {
  useEffect(() => {
    addEventListener('keydown', onShortcut);
    return () => removeEventListener('keydown', onShortcut);
  }, []);
  const content = useRef<HTMLElement>(null);
  const page = segments.value.join('/');
  const shown = useRef(page);
  useEffect(() => {
    // who goes to a page by the keyboard, or hears it read, begins where it begins
    if (shown.current !== page) content.current?.focus({ preventScroll: true });
    shown.current = page;
  }, [page]);
  return (
    <div class="shell">
      <a class="skip-link" href="#content">
        Skip to content
      </a>
      <Navigation />
      <div class="main">
        <Header />
        <main ref={content} id="content" tabindex={-1}>
          <CurrentPage />
        </main>
      </div>
      <SourceDrawer />
      <SearchDialog />
      <Help />
    </div>
  );
}
