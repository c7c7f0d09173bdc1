"""Small templates that each exercise a corner of the Jinja language, for make_templates.py."""

VARIABLES = {
    "s": "  Hello, World!  ", "w": "hello world", "empty": "", "uni": "Straße Ünï İstanbul ΟΔΥΣΣΕΥΣ 😀 가나",
    "lines": "one\ntwo\r\n\n  three\n", "quote": "it's \"q\" \\ \t \u0000 \u00e9 \u2028", "n": 7, "neg": -3, "f": 2.5,
    "big": 123456789012, "t": True, "no": None, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "nested": [[1, [2]], {"k": [None, True]}],
    "d": {"b": 1, "a": 2, "items": "shadow", "C": 3}, "e": [], "ed": {},
    "users": [{"name": "Bob", "age": 30, "tags": ["x", "y"], "on": True}, {"name": "alice", "age": 25, "tags": [], "on": False},
              {"name": "Carl", "age": 30, "tags": ["z"]}],
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": " u1 "}, {"role": "assistant", "content": "a1"}],
}

# Complex numbers, and whole numbers beyond 64 bits: an error there.
BEYOND = ["{{ neg ** f }}", "{{ (1e20)|int }}"]

VALUES = ["s", "w", "empty", "uni", "n", "neg", "f", "t", "no", "l", "ls", "d", "e", "ed", "nested", "missing", "1.0", "1e20",
          "1e-7", "0", "-0.0", "(1,)", "()", "(1, 'a')", "range(3)", "range(1, 10, 3)", "big", "quote", "lines", "users"]

OPERANDS = ["n", "f", "neg", "t", "0", "w", "l", "no", "missing", "(1, 2)", "2", "'3'", "d"]

BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]

FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "list", "first", "last", "sort", "reverse", "reverse|list",
           "unique|list", "sum", "min", "max", "string", "int", "float", "abs", "round", "tojson", "tojson(indent=2)", "join", "join('-')",
           "default('D')", "d('D', true)", "items|list", "dictsort", "wordcount", "e", "escape", "safe", "indent", "batch(2)|list",
           "slice(2)|list", "replace('l', 'L')", "map('string')|list", "select|list", "reject|list", "center(20)", "truncate(5)",
           "format", "urlencode", "round(1)", "round(0, 'ceil')", "round(1, 'floor')", "forceescape"]

TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true",
         "false", "odd", "even", "divisibleby(3)", "divisibleby 7", "lower", "upper", "callable", "eq 7", "equalto('hello world')", "ne 7", "lt 7",
         "gt 7", "le 7", "ge 7", "in [7, 2.5]", "in l", "sameas none", "sameas true", "not defined", "not none", "escaped"]

METHODS = ["strip()", "lstrip()", "rstrip()", "strip('Hed! ')", "lstrip('h')", "rstrip('d')", "split()", "split('l')", "split(None, 1)", "split('o', 1)",
           "rsplit('o', 1)", "rsplit(None, 1)", "rsplit()", "splitlines()", "splitlines(true)", "startswith('h')", "startswith(('x', 'h'))", "endswith('d')",
           "startswith('l', 2)", "endswith('l', 0, 4)", "replace('o', '0')", "replace('o', '0', 1)", "replace('', '-')", "upper()", "lower()", "title()",
           "capitalize()", "swapcase()", "casefold()", "find('o')", "find('o', 5)", "find('zz')", "rfind('o')", "index('o')", "index('zz')", "rindex('o')",
           "count('l')", "count('')", "count('l', 3)", "isdigit()", "isalpha()", "isalnum()", "isspace()", "islower()", "isupper()", "istitle()", "isnumeric()",
           "isdecimal()", "isascii()", "isidentifier()", "isprintable()", "zfill(15)", "ljust(15, '.')", "rjust(15, '.')", "center(15, '.')", "center(16)", "partition('o')",
           "rpartition('o')", "partition('zz')", "rpartition('zz')", "removeprefix('he')", "removesuffix('ld')", "expandtabs(4)", "join(['a', 'b'])",
           "join(ls)", "join('xyz')", "format(1)", "nope()", "nope", "append(1)", "encode", "split(sep='o', maxsplit=1)"]

STRINGS = ["w", "s", "uni", "lines", "empty", "quote", "'123'", "'Title Case'", "'-42'"]

SLICES = ["[0]", "[-1]", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[::2]", "[-2:]", "[5:2]", "[100]", "[-100:100]", "[3:0:-1]", "[:0]", "['x']", "[none]",
          "[1:3, 0]", ".0", "[::0]", "[1.5]", "[true]"]

OTHERS = [
    # literals and spelling
    "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 1E-2 }} {{ 00 }}", "{{ 'a' 'b' \"c\" }}", r"{{ 'a\nb\t\x41\u00e9\U0001f600\'\"\\\q\101' }}",
    "{{ \"it's\" }}{{ 'say \"x\"' }}", "{{ [1, 'a', none, true, 2.0, {'k': (1,)}] }}", "{{ {'a': 1, 'b': [1, 2], 3: none, true: 'x'} }}",
    "{{ (1, 2) }}{{ 1, 2 }}{{ () }}", "{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}", r"{{ '\N{BULLET}' }}", "{{ 'x' * 3 }}{{ [0] * 3 }}{{ 3 * 'ab' }}{{ 'x' * -1 }}",
    "{{ 1.0 }} {{ 100.0 }} {{ 1e16 }} {{ 1e15 }} {{ 0.1 + 0.2 }} {{ 1/3 }} {{ 1e-5 }} {{ 123456.789 }} {{ 5e-324 }} {{ 1e308 * 10 }}",
    # precedence
    "{{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 10 - 4 - 3 }} {{ 7 // 2 * 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }}",
    "{{ 'a' ~ 1 + 2 }}", "{{ 'a' ~ 1 * 2 ~ none }}", "{{ not true == false }}", "{{ not n is odd }}", "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 == 2 }}",
    "{{ 1 if n > 5 else 2 }} {{ 1 if n < 5 }}x{{ 'a' if no else 'b' if t else 'c' }}", "{{ n if n else 1 | string }}", "{{ -n|abs }} {{ (-n)|abs }} {{ +n }} {{ - - n }}",
    "{{ 'a' if missing else 'b' }}", "{{ missing.x }}", "{{ missing }}|{{ d.missing }}|{{ d['missing'] }}", "{{ d.missing.x }}", "{{ no.x }}", "{{ no.x.y }}", "{{ n.x }}",
    "{{ missing + 1 }}", "{{ missing() }}", "{{ missing[0] }}", "{{ missing == d.other }} {{ missing != none }} {{ missing in l }} {{ 1 in missing }}",
    "{{ missing|length }} {{ missing|list }} {{ missing|join }} {{ missing|tojson }}", "{{ [missing]|string }}", "{{ missing is defined and missing.x }}",
    "{{ 'a' in 'abc' }} {{ 'x' not in 'abc' }} {{ 2 in l }} {{ 'a' in d }} {{ none in [none] }} {{ 1 in 'abc' }}", "{{ 'hello'[1] }}{{ 'hello'[-1] }}{{ 'hello'[9] }}",
    "{{ d.items }}", "{{ d['items'] }}", "{{ d.items()|list }} {{ d.keys()|list }} {{ d.values()|list }} {{ d.get('a') }} {{ d.get('zz', 9) }} {{ d.get('zz') }}",
    "{{ d.keys() }} {{ d.values() }} {{ ed.items() }}", "{{ d.pop('a') }}", "{{ d.update({'x': 1}) }}", "{{ l.append(4) }}", "{{ l.pop is defined }}", "{{ l.index(1) }} {{ l.count(3) }} {{ l.index(9) }}",
    "{{ d|length }} {{ 'b' in d }} {{ d == {'C': 3, 'a': 2, 'b': 1, 'items': 'shadow'} }} {{ d != {} }}", "{{ {'a': 1}.a }} {{ {'a': 1}['a'] }} {{ {1: 'x'}[1] }} {{ {1: 'x'}[1.0] }} {{ {1: 'x'}[true] }}",
    "{{ {[1]: 2} }}", "{{ d[[1]] }}|", "{{ d.__class__ }}|", "{{ ''.__class__.__mro__ }}", "{{ l.__len__ }}|", "{{ d._x }}|", "{{ dict(a=1, b='x') }} {{ dict({'q': 1}, z=2) }} {{ dict([('a', 1)]) }}",
    "{{ [1, 2] + [3] }} {{ (1,) + (2,) }} {{ [1] == [1.0] }} {{ [1, 2] < [1, 3] }} {{ (1,) == [1] }}", "{{ [1] + (2,) }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ none + 1 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 5 % 0 }}",
    "{{ 'a' < 'b' }} {{ 'B' < 'a' }} {{ 1 < 'a' }}", "{{ 1 == 1.0 == true }} {{ 0 == false }} {{ '1' == 1 }} {{ none == false }}", "{{ 7 // 2 }} {{ 7.0 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ 4 ** 0.5 }}",
    "{{ true + true }} {{ true * 3 }} {{ -true }} {{ 'ab' * true }}", "{{ 'x' is string and 1 is number }}", "{{ x is defined if n else 3 }}", "{{ n is divisibleby 7 and n is odd }}", "{{ 1 is in [1] }} {{ 1 is not in [1] }} {{ 'k' is in d }}",
    "{{ namespace is callable }} {{ w.upper is callable }} {{ w is callable }}", "{{ 'upper' is filter }} {{ 'zzz' is filter }} {{ 'odd' is test }}",
    # white space control
    "a {%- if t %} b {%- endif %} c", "a {% if t -%} b {% endif -%} c", "  {% if t %}x{% endif %}\n  y", "x\n  {% if t %}\n  y\n  {% endif %}\nz\n", "x\n  {%+ if t %}\n  y\n  {% endif +%}\nz\n",
    "a\n{# c #}\nb", "a {#- c -#} b", "a\n  {# c #}  \nb", "a\n  {#+ c +#}\nb", "{{ 1 }}\n{{ 2 }}\n", "{{ 1 -}}\n\n {{ 2 }}", "a  {{- 1 -}}  b", "  {{ 1 }}\n   {{ 2 }}", "{% set x = 1 %}\n\nA", "{% set x = 1 -%}\n\nA",
    "\n\n{% if t %}\n\n{% endif %}\n\n", "x\r\ny\rz\r\n", "x\n\n", "x\n", "\n", "", "{% for i in l %}\n{{ i }}\n{% endfor %}\n", "{% for i in l %}  {{ i }}\n  {%- endfor %}", "{%- for i in l -%}\n{{ i }},\n{%- endfor -%}\n",
    "\t {% if t %}\ta\t{% endif %}\t\n", "a{% if t %}\n{% endif %}\nb", "é {%- if t %} ü {%- endif %}", "\u00a0{%- if t -%}\u00a0x\u3000{%- endif -%}\u3000y", "{{ '{{' }} {{ '%}' }} {{ \"}}\" }}", "{{ {'a': {'b': 1}}}}", "{{ {'a': {'b': 1}}.a }}",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\nb", "a {%- raw -%}  {{ x }}  {%- endraw -%} b", "{# a {{ b }} {% c %} #}x", "{#\n multi\n line #}x{#x#}", "{ { } } {a} %} }} #}", "{%-if t-%}x{%-endif-%}", "{{-n-}}",
    "{{n-1}} {{ n -1 }} {{n - -1}}", "# x\n## y\n% z\n", "a\x0bb\x0c{%- if t %}c{% endif %}",
    # loops
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}", "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for u in users %}{{ loop.changed(u.age) }} {% endfor %}", "{% for i in e %}x{% else %}none{% endfor %}", "{% for i in l %}x{% else %}none{% endfor %}", "{% for i in missing %}x{% else %}none{% endfor %}",
    "{% for i in l if i > 1 %}{{ i }}{{ loop.length }}{{ loop.last }} {% else %}no{% endfor %}", "{% for i in l if i > 9 %}{{ i }}{% else %}no{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a in 5 %}{% endfor %}",
    "{% for c in 'aé가' %}{{ c }}.{% endfor %}", "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in range(10**9) %}{% endfor %}", "{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}", "{% for i in l %}{% for j in l %}{{ loop.depth }}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in l %}{% for j in l %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for i in l %}{% set x = i %}{% endfor %}{{ x }}|", "{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}", "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}|{{ ns.b is defined }}", "{% set ns = namespace({'q': 2}, z=3) %}{{ ns.q }}{{ ns.z }}{{ ns['q'] }}", "{% set d.x = 1 %}", "{% set zz.x = 1 %}", "{% set ns = namespace(_a=1) %}", "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% for i in l recursive %}{{ i }}{% endfor %}", "{% for n in [{'v': 1, 'c': [{'v': 2, 'c': []}]}] recursive %}[{{ n.v }}{{ loop.depth }}{{ loop(n.c) }}]{% endfor %}", "{% for i in l %}{{ loop(l) }}{% endfor %}", "{% for x in l %}{{ loop.index }}{% endfor %}{{ loop is defined }}",
    "{% for i in l %}{{ loop.nope }}|{% endfor %}", "{% for i in l|reverse %}{{ i }}{% endfor %}", "{% for i in l|sort %}{{ loop.index }}{{ i }}{% endfor %}", "{% for i in l[::-1] %}{{ i }}{% endfor %}", "{% for u in users|selectattr('on') %}{{ u.name }}{% endfor %}",
    "{% for x in [1, 2] %}{{ x }}{% endfor %}{{ x }}|", "{% for l in l %}{{ l }}{% endfor %}{{ l }}", "{% break %}", "{% for i in l %}{% if t %}{% set q = i %}{% endif %}{{ q }}{% endfor %}", "{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.content }}{% endfor %}",
    # set, if, with
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set a %}x{{ n }}y{% endset %}{{ a }}{{ a|length }}", "{% set a | upper %}x{{ n }}y{% endset %}{{ a }}", "{% set a | replace('x', 'y') | upper %}x{% endset %}{{ a }}", "{% set (a, b) = l[:2] %}{{ a }}{{ b }}",
    "{% if n > 9 %}a{% elif n > 5 %}b{% else %}c{% endif %}", "{% if e %}a{% elif ed %}b{% elif 0.0 %}c{% elif '' %}d{% else %}z{% endif %}", "{% if t %}{% set y = 5 %}{% endif %}{{ y }}", "{% if not t %}{% set y = 5 %}{% endif %}{{ y }}|", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}|", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}", "{% filter upper %}a{{ w }}b{% endfilter %}", "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% filter indent(2, true) %}a\nb\n\nc{% endfilter %}", "{% block x %}a{{ n }}{% endblock %}", "{% block x %}a{% endblock x %}", "{% generation %}a{{ n }}{% endgeneration %}b", "{% if t %}{% generation %}\n a \n{% endgeneration %}\n{% endif %}b", "{% print n, w %}",
    "{%- set x -%}  a  {%- endset -%}[{{ x }}]", "{% set x = missing %}{{ x is defined }}", "{% set x = none %}{{ x }}", "{% if (n) == 7 and (w) %}y{% endif %}", "{% if n is not none and n is defined %}y{% endif %}", "{% if 'a' not in w %}y{% endif %}",
    # macros
    "{% macro m(a, b=2, *c) %}{% endmacro %}", "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}", "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, z=2) }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(4) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{{ n }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% set g = 1 %}{% macro m() %}{{ g }}{{ n }}{% endmacro %}{% set g = 2 %}{{ m() }}", "{% macro m() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}|", "{% macro m(a) -%}\n  {{ a }}\n{%- endmacro %}[{{ m('x') }}]", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}",
    "{% macro m(x) %}{% for i in x %}{{ i }}{% endfor %}{% endmacro %}{{ m(l)|upper ~ '!' }}", "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro m(a='x') %}{{ a }}{% endmacro %}{{ m(none) }}{{ m(*['y']) }}{{ m(**{'a': 'z'}) }}", "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(1, *[2]) }}", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    # filters with arguments
    "{{ users|map(attribute='name')|join(', ') }}", "{{ users|map(attribute='tags.0')|list }}", "{{ users|map(attribute='zz', default='-')|list }}", "{{ ls|map('upper')|list }} {{ ls|map('replace', 'a', 'x')|list }}", "{{ users|selectattr('age', 'gt', 26)|map(attribute='name')|list }}",
    "{{ users|rejectattr('on')|map(attribute='name')|list }}", "{{ users|selectattr('on', 'defined')|list|length }}", "{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ l|select('>', 1)|list }} {{ l|select('in', [1, 2])|list }}", "{{ l|map('zzz')|list }}", "{{ l|select('zzz')|list }}",
    "{{ ls|sort }} {{ ls|sort(true) }} {{ ls|sort(case_sensitive=true) }} {{ l|sort(reverse=true) }}", "{{ users|sort(attribute='age')|map(attribute='name')|list }} {{ users|sort(attribute='age,name')|map(attribute='name')|list }}", "{{ [1, 'a']|sort }}", "{{ ls|unique|list }} {{ ['a', 'A', 'a']|unique(true)|list }}",
    "{{ users|groupby('age')|list|length }}{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join }};{% endfor %}", "{% for a, b in users|groupby('age') %}{{ a }}{{ b|length }}{% endfor %}", "{% for g, i in ['a', 'B', 'A']|groupby('0') %}{{ g }}{{ i }}{% endfor %}",
    "{{ l|sum }} {{ users|sum(attribute='age') }} {{ [[1], [2]]|sum(start=[]) }} {{ []|sum }} {{ l|sum(start=10) }}", "{{ l|min }} {{ l|max }} {{ ls|min }} {{ ls|max }} {{ users|max(attribute='age') }} {{ e|min }}|", "{{ d|dictsort(by='value') }}", "{{ d|dictsort(true) }} {{ {'b': 1, 'A': 2}|dictsort(reverse=true) }}",
    "{{ w|replace('o', '0', 1) }} {{ n|replace(7, 8) }}", "{{ l|join(', ') }} {{ users|join(',', attribute='name') }} {{ [1, none, true]|join('|') }} {{ 'abc'|join('.') }}", "{{ lines|indent }}|{{ lines|indent(2) }}|{{ lines|indent(2, true) }}|{{ lines|indent(2, true, true) }}|{{ lines|indent('> ') }}",
    "{{ 'abcdef ghij klm'|truncate(9) }} {{ 'abcdef ghij klm'|truncate(9, true) }} {{ 'abcdef ghij klm'|truncate(9, false, '', 0) }} {{ 'short'|truncate(9) }} {{ 'abcdefghijklmnop'|truncate(8) }}", "{{ 'a b'|center(9) }}|{{ 'ab'|center(5) }}|", "{{ '%s-%d-%.2f'|format('x', 3, 2.5) }} {{ '%(a)s'|format(a=1) }}",
    "{{ '%05d|%-5s|%5s|%x|%X|%o|%e|%g|%%|%r|%c|%+d|% d' % (42, 'ab', 'cd', 255, 255, 8, 12345.678, 0.0001, 'q', 'z', 5, 6) }}", "{{ '%s' % l }} {{ '%s %s' % (1, 2) }} {{ '%s' % 'x' }} {{ '%(k)s' % {'k': 5} }}", "{{ '%d' % 'x' }}", "{{ '%s %s' % 1 }}", "{{ '%s' % (1, 2) }}", "{{ '%.3s|%8.3f|%08.2f|%i' % ('abcdef', 3.14159, -2.5, 3.9) }}",
    "{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('x', 'y') }} {{ '{a}'.format(a=3) }} {{ '{{}}'.format() }} {{ '{0[1]}{1.a}'.format([1, 2], {'a': 5}) }}", "{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:,}|{:.2f}|{:x}|{:+d}|{!r:>6}|{:%}|{:e}'.format('a', 'b', 'c', 'd', 42, 1234567, 3.14159, 255, 5, 'q', 0.25, 1234.5) }}",
    "{{ '{:10.3}|{:3}|{:<8}|{:g}|{}'.format('abcdef', 5, 2.5, 1e10, none) }}", "{{ '{'.format() }}", "{{ '}'.format() }}", "{{ '{}'.format() }}", "{{ '{x}'.format(y=1) }}", "{{ '{:d}'.format('x') }}", "{{ '{a[b]}'.format_map({'a': {'b': 7}}) }}",
    "{{ 42.55|round }} {{ 42.55|round(1) }} {{ 2.5|round }} {{ 3.5|round }} {{ 42|round }} {{ 42.1|round(0, 'ceil') }} {{ 42.9|round(method='floor') }} {{ 1234.5|round(-2) }} {{ 1250|round(-2) }} {{ -2.5|round }}", "{{ '12'|int }} {{ ' 12 '|int }} {{ '12.7'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 'ff'|int(base=16) }} {{ '0x1f'|int(0, 16) }} {{ 3.9|int }} {{ -3.9|int }} {{ true|int }} {{ none|int }} {{ '1_000'|int }} {{ '1e3'|int }} {{ '+5'|int }}",
    "{{ '1.5'|float }} {{ 'x'|float }} {{ 'x'|float(2.0) }} {{ 3|float }} {{ ' 1e3 '|float }} {{ 'inf'|float }} {{ '-nan'|float }} {{ '1_0.5'|float }}", "{{ {'z': 1, 'a': [1, 2.0, none, true, 'é\"\\n<>&']}|tojson }}", "{{ {'z': 1, 'a': 'é😀\x7f'}|tojson(ensure_ascii=true) }}", "{{ {'z': {'y': []}, 'a': {}}|tojson(indent=2) }}", "{{ {'z': 1, 'a': [1]}|tojson(sort_keys=true, indent=1) }}",
    "{{ [1, {'a': 2}]|tojson(separators=(',', ':')) }}", "{{ [1, {'a': 2}]|tojson(indent=2, separators=(', ', ' : ')) }}", "{{ {1: 2, none: 3, true: 4, 1.5: 6}|tojson }}", "{{ {(1, 2): 3}|tojson }}", "{{ 'a\x01\x1f\u2028\ud83d'|tojson }}" if False else "{{ 'a\\x01\\x1f\\u2028\\b\\f/'|tojson }}", "{{ range(3)|tojson }}", "{{ [1.0, 1e100, -0.0, 12345678901234567890.0]|tojson }}", "{{ (1, 2)|tojson }} {{ 'x'|tojson }} {{ none|tojson }} {{ 1.5|tojson }}",
    "{{ [1, 2]|tojson(indent='--') }}", "{{ [1, [2, 3]]|tojson(indent=0) }}", "{{ nested|tojson }} {{ nested|tojson(indent=4) }}", "{{ namespace(a=1)|tojson }}", "{{ quote|tojson }} {{ quote|string }} {{ [quote] }}", "{{ uni|tojson }} {{ [uni] }}", "{{ ['\\x7f', '\\xa0', '\\u200b', '\\ue000', '\\U000e0001', '가'] }}", "{{ [\"a'b\", 'a\"b', 'a\\'\"b'] }}",
    "{{ range(10)|batch(3, '-')|list }} {{ range(10)|slice(3, '-')|list }} {{ range(10)|slice(3)|list }}", "{{ range(5)|first }} {{ range(5)|last }} {{ range(5)|length }} {{ range(5)[1:3]|list }} {{ range(5)[-1] }}", "{{ range(3) }} {{ range(1, 3) }} {{ range(1, 9, 2) }} {{ 2 in range(3) }}", "{{ range('a') }}", "{{ range() }}",
    "{{ 'hello world-foo (bar) [baz] {q} <x>'|title }} {{ \"it's o'neil\"|title }} {{ \"it's o'neil\".title() }}", "{{ 'ǆ ß ŉ'|upper }} {{ 'ǆungla ß'|title }} {{ 'ǆungla'.title() }} {{ 'İ'|lower }} {{ 'ΑΣ ΑΣΑ'|lower }} {{ 'ﬁ'.capitalize() }} {{ 'ẞ'.casefold() }}", "{{ '<a href=\"x\">\\'&</a>'|e }}", "{{ 'a b/c?d=é&'|urlencode }} {{ {'a b': 1, 'c': 'é/'}|urlencode }}",
    "{{ d|attr('items') is callable }} {{ d|attr('a') is defined }} {{ w|attr('upper') is defined }}", "{{ w|attr('upper')() }}", "{{ l|list == l }} {{ 'ab'|list }} {{ d|list }}", "{{ l|first }} {{ l|last }} {{ ''|first }}| {{ 'ab'|first }}{{ 'ab'|last }} {{ d|first }}", "{{ ls|map('length')|sum }}", "{{ [[1, 2], [3]]|map('first')|list }}", "{{ ls|map('upper') is iterable }} {{ ls|map('upper') is sequence }}",
    "{% set g = ls|map('upper') %}{{ g|list }}{{ g|list }}", "{{ (ls|map('upper'))[0] }}|", "{{ ls|map('upper')|length }}", "{{ ls|map('upper')|first }} {{ ls|map('upper')|last }}", "{{ w|zzz }}", "{{ w is zzz }}", "{% if false %}{{ 1|zzz }}{% endif %}x", "{{ w|upper|lower|title }}", "{{ w|default('x') }}{{ empty|default('x') }}|{{ empty|default('x', true) }}{{ no|default('x') }}{{ missing|default }}|",
    "{{ {'a': {'b': {'c': 1}}}|map(attribute='x')|list }}", "{{ 'a,b,c'.split(',')|map('upper')|join('+') }}", "{{ s|trim|length }} {{ 'xxhixx'|trim('x') }} {{ n|trim }}", "{{ 'one two_three 4-5 é'|wordcount }}", "{{ [1, 2, 3]|string }} {{ 1.5|string }} {{ none|string }}", "{{ 3|string + 'x' }}", "{{ '' is none }} {{ e is none }} {{ 0 is false }} {{ 1 is true }} {{ true is integer }} {{ true is number }} {{ 1.0 is integer }}",
    # functions
    "{{ raise_exception('boom') }}", "{{ raise_exception('boom ' ~ n) }}", "{% if t %}{{ raise_exception() }}{% endif %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner('|') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "{% set j = joiner() %}{{ j() }}a{{ j() }}b",
    "{{ strftime_now is defined }} {{ strftime_now('%%') }} {{ strftime_now('x') }} {{ strftime_now('') }}", "{{ namespace(a=1).a }}", "{{ dict.fromkeys(['a'], 1) }}" if False else "{{ dict(a=1).a }}",
    # errors of form
    "{{", "{%", "{#", "{{ 1", "{% if t %}", "{% if %}x{% endif %}", "{% endif %}", "{% for %}{% endfor %}", "{% for x l %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}", "{{ [1 }}", "{{ 'abc }}", "{{ a..b }}", "{{ a. }}", "{{ a[ }}", "{{ a|}}", "{{ a is }}", "{% set %}", "{% set x %}", "{% set 1 = 2 %}", "{% set x.y.z = 2 %}", "{% foo %}",
    "{% macro %}{% endmacro %}", "{% macro m( %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% call x %}{% endcall %}", "{% raw %}x", "{{ 1 2 }}", "{{ $ }}", "{{ a ? b }}", "{{ @ }}", "{{ ! }}", "{% if a %}{% else %}{% elif b %}{% endif %}", "{% for i in l %}{% endif %}", "{{ f(a=1, 2) }}", "{{ f(**d, 1) }}", "{{ not }}", "{{ 1 is is }}", "{{ 1 if }}",
    "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{{ 1 is odd is even }}", "{% with a %}{% endwith %}", "{{ {1} }}", "{{ {1: } }}", "{{ {1: 2,} }} {{ [1,] }} {{ (1,) }}", "{{ '\\x4' }}", "{{ '\\u12' }}", "{{ 1.e5 }}", "{{ 'a'.upper().lower() }}", "{{ a b }}", "{% if t %}x{% end if %}", "{{ 0b2 }}", "{{ 08 }}", "{{ 1__0 }}",
    # chat idioms
    "{% set system = messages[0].content if messages[0].role == 'system' else 'none' %}{% set rest = messages[1:] %}{{ system }}{{ rest|length }}{{ rest[0]['content']|trim }}", "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}", "{{ (messages|last).role }} {{ messages[-1]['role'] }} {{ messages|map(attribute='role')|list }}",
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content.strip() + '\\n' }}{% endfor %}", "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}odd{% endif %}{% endfor %}", "{% set c = '<think>a</think>\\n\\nb' %}{{ c.split('</think>')[-1].lstrip('\\n') }}|{{ c.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}",
    "{% if messages[0].tool_calls is defined %}x{% else %}y{% endif %}{{ 'tool_calls' in messages[0] }}{{ messages[0].get('tool_calls') }}{{ messages[0].tool_calls }}|", "{% if messages[0].content is string %}s{% elif messages[0].content is iterable %}i{% endif %}", "{%- for m in messages -%}\n  {%- if m.role == 'user' -%}\n    U: {{ m.content }}\n  {%- endif -%}\n{%- endfor -%}",
    "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}", "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = message['role'] + ': ' + message['content'] | trim + ';' %}{% if loop.index0 == 0 %}{% set content = '<s>' + content %}{% endif %}{{ content }}{% endfor %}",
    "{{ messages[0] == messages[0] }} {{ messages[0] == messages[1] }} {{ messages[0] }}", "{{ messages[1].content[1:-1] }} {{ messages[9] is defined }} {{ messages[9].role }}", "{{ messages[9]['role'] is defined }}", "{% set x = {'a': messages[1].content}|tojson %}{{ x[:-1] }}", "{{ '\\n'.join(['a', 'b']) }} {{ ', '.join(messages|map(attribute='role')) }}", "{{ ', '.join([1]) }}",
]


def snippets():
    """All templates, in a stable order and without repetitions."""
    out = ["{{ %s }}" % value for value in VALUES]
    out += ["{{ %s %s %s }}" % (a, op, b) for op in BINARY for a in OPERANDS for b in OPERANDS[:9] + ["d"]]
    out += ["{{ %s|%s }}" % (value if value.isidentifier() else "(%s)" % value, name) for name in FILTERS for value in VALUES]
    out += ["{{ %s is %s }}" % (value if value.isidentifier() else "(%s)" % value, name) for name in TESTS for value in VALUES]
    out += ["{{ %s.%s }}" % (value, method) for method in METHODS for value in STRINGS]
    out += ["{{ %s%s }}" % (value, piece) for piece in SLICES for value in ["w", "uni", "l", "ls", "d", "users", "n", "no", "empty", "e"]]
    return list(dict.fromkeys(out + OTHERS))
