import { contentRange, listParameters, orderOf, pageOf } from './list-query.js';

const KEYS = ['namespace', 'name', 'limit', 'offset'] as const;
const parametersOf = (query: string) => listParameters(new URLSearchParams(query), KEYS);
const refusedAs = (error: string) => expect.objectContaining({ error }) as Error;

describe(listParameters, () => {
  it('reads single parameters and leaves out what is unknown or empty', () => {
    expect(parametersOf('namespace=group&name=&color=red&limit=5')).toEqual({ namespace: 'group', limit: '5' });
  });

  it('reads a filter, escaped or raw, quoted or not', () => {
    const read = { namespace: 'group', name: 'busybox' };
    expect(parametersOf('filter=namespace%3A%3Agroup%7Cname%3A%3Abusybox')).toEqual(read);
    expect(parametersOf('filter=namespace::group|name::busybox')).toEqual(read);
    expect(parametersOf("filter='namespace::group|name::busybox'")).toEqual(read);
  });

  it('lets the filter win', () => {
    expect(parametersOf('namespace=a&name=x&filter=namespace::b')).toEqual({ namespace: 'b', name: 'x' });
  });

  it('splits at the first pair of colons', () => {
    expect(parametersOf('filter=name::a::b')).toEqual({ name: 'a::b' });
  });

  it.each(['name=%00', 'filter=name::a%00b'])('refuses %s: no name has a NUL', (query) => {
    expect(() => parametersOf(query)).toThrow(refusedAs('QUERY_INVALID'));
  });

  it('takes an empty filter for none, and an empty value for no condition', () => {
    expect(parametersOf('filter=')).toEqual({});
    expect(parametersOf("filter=''")).toEqual({});
    expect(parametersOf('filter=name::')).toEqual({});
  });

  it.each(['name', '::x', 'name:x', 'color::red', 'name::x|', '|', '__proto__::x', 'constructor::x'])(
    'refuses the filter "%s"',
    (filter) => {
      expect(() => parametersOf(`filter=${encodeURIComponent(filter)}`)).toThrow(refusedAs('FILTER_INVALID'));
    },
  );
});

describe(pageOf, () => {
  it('is the first hundred unless something else is asked for', () => {
    expect(pageOf({})).toEqual({ limit: 100, offset: 0, isNamed: false });
    expect(pageOf({ limit: '1' })).toEqual({ limit: 1, offset: 0, isNamed: false });
    expect(pageOf({ limit: '10', offset: '30' })).toEqual({ limit: 10, offset: 30, isNamed: true });
  });

  it('cuts what is larger than a page', () => {
    expect(pageOf({ limit: '999999' }).limit).toBe(1000);
  });

  it.each([
    { limit: '0' },
    { limit: '-1' },
    { limit: '1.5' },
    { limit: 'ten' },
    { limit: '9'.repeat(40) },
    { offset: '-1' },
    { offset: '9999999999' },
    { offset: '1e3' },
  ])('refuses %j', (parameters) => {
    expect(() => pageOf(parameters)).toThrow(refusedAs('PAGE_INVALID'));
  });
});

describe(contentRange, () => {
  it('says where the page stands', () => {
    expect(contentRange({ limit: 5, offset: 10, isNamed: true }, 5, 15)).toBe('10-5/15');
  });
});

describe(orderOf, () => {
  const columns = { updated_time: 'updatedAt', updated_at: 'updatedAt', name: 'name' };
  const newestFirst = { column: 'updatedAt', direction: 'desc' } as const;

  it('maps what clients call a column', () => {
    expect(orderOf({ order_column: 'updated_time', order_type: 'asc' }, columns, newestFirst)).toEqual({
      column: 'updatedAt',
      direction: 'asc',
    });
    expect(orderOf({ order_column: 'name' }, columns, newestFirst)).toEqual({ column: 'name', direction: 'desc' });
    expect(orderOf({}, columns, newestFirst)).toEqual(newestFirst);
    expect(orderOf({ order_type: 'asc' }, columns, newestFirst)).toEqual({ column: 'updatedAt', direction: 'asc' });
  });

  it.each([{ order_column: 'size' }, { order_column: 'constructor' }, { order_type: 'ASC' }, { order_type: 'down' }])(
    'refuses %j',
    (parameters) => {
      expect(() => orderOf(parameters, columns, newestFirst)).toThrow(refusedAs('QUERY_INVALID'));
    },
  );
});
