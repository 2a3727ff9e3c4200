import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoff, honoured } from '../backoff.ts';

test('the ceiling doubles up to half a minute, and jitter is full', () => {
  assert.equal(backoff(0, () => 0.999_999) < 500, true);
  assert.equal(
    backoff(3, () => 1),
    4_000,
  );
  assert.equal(
    backoff(60, () => 1),
    30_000,
  );
  assert.equal(
    backoff(5, () => 0),
    0,
  );
});

test('a time the server asks for is never undercut', () => {
  assert.equal(
    honoured(1_000, () => 0),
    1_000,
  );
  assert.equal(
    honoured(1_000, () => 1),
    1_500,
  );
});
