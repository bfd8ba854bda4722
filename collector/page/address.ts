// The view in the address bar.
import { useEffect, useState } from 'preact/hooks';
import { formatHash, parseHash } from './state.ts';
import type { View } from './state.ts';

/** The view that the address names, and a way to change it without a new entry in the history (filters and order). */
export function useView(): [View, (change: Partial<View>) => void] {
  const [view, setView] = useState(() => parseHash(location.hash));

  useEffect(() => {
    const follow = () => setView(parseHash(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);

  function change(part: Partial<View>) {
    const next = { ...parseHash(location.hash), ...part };
    history.replaceState(null, '', formatHash(next));
    setView(next);
  }
  return [view, change];
}
