/** The page that is shown and its settings, all of which the URL holds: a link shows others the same. */
import { computed, signal } from '@preact/signals';

interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

const place = signal<Place>(here());
addEventListener('popstate', () => (place.value = here()));

/** A part of a path; as it stands where it cannot be decoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** `['services', 'shop', 'payments']` of `/services/shop/payments`. */
export const segments = computed(() =>
  place.value.path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded),
);

/** A setting of the page; '' where it is not set. */
export function param(name: string): string {
  return place.value.query.get(name) ?? '';
}

/** Goes to a path within the dashboard. */
export function navigate(to: string): void {
  if (to === `${location.pathname}${location.search}`) return;
  history.pushState(null, '', to);
  place.value = here();
  scrollTo(0, 0);
}

/** The current page with other settings; '' takes one away. */
export function withParams(changes: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? place.value.path : `${place.value.path}?${text}`;
}

/** Changes settings in place; `isStep` where going back should undo it. */
export function setParams(changes: Readonly<Record<string, string>>, isStep = false): void {
  const to = withParams(changes);
  if (isStep) history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  place.value = here();
}

/** A path of segments. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/** Where a service's page is. */
export const servicePath = (namespace: string, name: string): string => pathOf('services', namespace, name);
/** Where a workload's page is. */
export const workloadPath = (namespace: string, name: string): string => pathOf('workloads', namespace, name);
