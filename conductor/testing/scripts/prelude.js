// Evaluates one script as the server's GraalJS does, where `$` is a java.util.Map. The value of this file is a function
// of the input, as JSON, and of the script. It returns JSON: {value, isTrue}, or {name, message, line} of an error.
(function () {
  "use strict";
  for (const name of [
    "atob", "btoa", "console", "DOMException", "gc", "navigator", "performance", "print", "queueMicrotask",
    "scriptArgs", "setTimeout", "structuredClone",
  ]) {
    delete globalThis[name];
  }
  const NAMES_OF_A_MAP = [
    "get", "values", "clear", "replaceAll", "entrySet", "forEach", "keySet", "containsValue", "getOrDefault",
    "reversed", "sequencedKeySet", "sequencedValues", "sequencedEntrySet", "putFirst", "putLast", "remove", "size",
    "put", "clone", "isEmpty", "replace", "merge", "putAll", "putIfAbsent", "compute", "computeIfAbsent",
    "containsKey", "computeIfPresent", "equals", "toString", "hashCode", "firstEntry", "lastEntry", "pollFirstEntry",
    "pollLastEntry",
  ];
  const maps = new WeakSet();
  const { keys, values, entries } = Object;
  const { isArray } = Array;
  const { parse, stringify } = JSON;
  const evaluate = eval;

  function javaText(value) {
    if (value === null || value === undefined) return "null";
    if (isArray(value)) return `[${Array.from(value, javaText).join(", ")}]`;
    if (maps.has(value)) return `{${Reflect.ownKeys(value).map((key) => `${key}=${javaText(value[key])}`).join(", ")}}`;
    return String(value);
  }

  class List extends Array {
    static get [Symbol.species]() {
      return Array;
    }
    size() {
      return this.length;
    }
    get(index) {
      return this[index];
    }
    isEmpty() {
      return this.length === 0;
    }
    contains(value) {
      return this.includes(value);
    }
    add(value) {
      this.push(value);
      return true;
    }
    remove(index) {
      return this.splice(index, 1)[0];
    }
    forEach(accept) {
      super.forEach((value) => accept(value));
    }
    sort(compare) {
      if (arguments.length !== 1) {
        throw new TypeError("invokeMember (sort) on java.util.ArrayList failed due to: Arity error - expected: 1");
      }
      super.sort(compare);
    }
    toString() {
      return javaText(this);
    }
  }

  const methodsOfMaps = {
    size: (map) => () => keys(map).length,
    isEmpty: (map) => () => keys(map).length === 0,
    get: (map) => (key) => (Object.hasOwn(map, key) ? map[key] : null),
    getOrDefault: (map) => (key, value) => (Object.hasOwn(map, key) ? map[key] : value),
    containsKey: (map) => (key) => Object.hasOwn(map, key),
    put: (map) => (key, value) => {
      const before = Object.hasOwn(map, key) ? map[key] : null;
      map[key] = value;
      return before;
    },
    remove: (map) => (key) => delete map[key],
    forEach: (map) => (accept) => entries(map).forEach(([key, value]) => accept(key, value)),
    keySet: (map) => () => List.from(keys(map)),
    values: (map) => () => List.from(values(map)),
  };

  function mapOf(members) {
    const map = new Proxy(members, {
      get(target, name) {
        if (Object.hasOwn(target, name)) return target[name];
        if (typeof name === "string" && Object.hasOwn(methodsOfMaps, name)) return methodsOfMaps[name](target);
        if (name === "toString" || name === Symbol.toPrimitive) return () => javaText(map);
        if (name === Symbol.iterator) return () => entries(target)[Symbol.iterator]();
        if (name === "toJSON") return () => ({});
        if (name === "hasOwnProperty") return () => false;
        return undefined;
      },
      has: () => false,
      getPrototypeOf: () => Object.prototype,
    });
    maps.add(map);
    return map;
  }

  function hosted(_, value) {
    if (isArray(value)) return Object.setPrototypeOf(value, List.prototype);
    return typeof value === "object" && value !== null ? mapOf(value) : value;
  }

  // GraalJS finds the methods of a Java map where it should find the map's keys.
  Object.keys = (value) => (maps.has(value) ? NAMES_OF_A_MAP.slice() : keys(value));
  Object.values = (value) => (maps.has(value) ? NAMES_OF_A_MAP.map(() => ({})) : values(value));
  Object.entries = (value) => (maps.has(value) ? NAMES_OF_A_MAP.map((name) => [name, {}]) : entries(value));

  function plain(value) {
    if (value === null || value === undefined) return null;
    if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
    if (typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "function" || typeof value === "symbol") return {};
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return plain(value.valueOf());
    if (isArray(value)) return Array.from(value, plain);
    const members = value instanceof Map ? [...value] : keys(value).map((key) => [key, value[key]]);
    return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
  }

  function isTrue(value) {
    const found = value instanceof Boolean || value instanceof Number ? value.valueOf() : value;
    return found === true || ((typeof found === "number" || typeof found === "bigint") && found > 0);
  }

  function failure(error) {
    const isError = error instanceof Error;
    const isObject = typeof error === "object" && error !== null;
    const found = isError ? /<(?:input|evalScript|eval)>:(\d+)/.exec(error.stack) : null;
    return {
      name: isError ? error.constructor.name : isObject ? "Error" : "",
      message: isObject ? String(error.message ?? "") : String(error),
      line: found ? Number(found[1]) : 1,
    };
  }

  return function (input, script) {
    globalThis.$ = parse(input, hosted);
    try {
      const value = evaluate(script);
      return stringify({ value: plain(value), isTrue: isTrue(value) });
    } catch (error) {
      return stringify(failure(error));
    }
  };
})();
