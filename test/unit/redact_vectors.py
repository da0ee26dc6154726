#!/usr/bin/env python3
"""Writes redact_vectors.tsv: for every check at least five numbers that pass
it and five with one character wrong. `redact_vectors.py >redact_vectors.tsv`

The rules are written here a second time, from what the issuers publish and not
from redact_check*.c, so that a slip in either shows. Numbers under PUBLISHED
were printed by issuers and standards; the others are drawn at random and
completed. All are made up or specimens: none belongs to anybody.

Columns: check, number, whether it passes (1, 0), where it comes from.
"""
import hashlib
import random
import zlib

rng = random.Random(2026)
RULES = {}
PUBLISHED = {}
SHAPE = {}


def rule(name, shape, *published):
    """shape: # digit, @ letter, ? either, D a date DDMM.., others themselves;
    several shapes are taken in turn."""
    def add(f):
        RULES[name] = f
        SHAPE[name] = shape.split()
        PUBLISHED[name] = list(published)
        return f
    return add


# ---- what the rules are made of ----------------------------------------------

def nums(s):
    return [int(c) for c in s]


def dot(s, weights):
    return sum(int(c) * w for c, w in zip(s, weights))


def v36(c):
    return int(c, 36)


def luhn(s):
    total = 0
    for i, c in enumerate(reversed(s)):
        d = int(c)
        if i % 2:
            d *= 2
            d = d - 9 if d > 9 else d
        total += d
    return total % 10 == 0


def digit_sum(n):
    return sum(map(int, str(n)))


def day(dd, mm, offsets=(0,), month_offsets=(0,)):
    d, m = int(dd), int(mm)
    lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    for a in offsets:
        for b in month_offsets:
            if 1 <= m - b <= 12 and 1 <= d - a <= lengths[m - b - 1]:
                return True
    return False


D5 = [[(i + j) % 5 if i < 5 and j < 5 else
       5 + (i + (j - 5)) % 5 if i < 5 else
       5 + ((i - 5) - j) % 5 if j < 5 else ((i - 5) - (j - 5)) % 5 for j in range(10)] for i in range(10)]
P0 = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff(s):
    c = 0
    for i, ch in enumerate(reversed(s)):
        d = int(ch)
        for _ in range(i % 8):
            d = P0[d]
        c = D5[c][d]
    return c == 0


def mod11_10(s):
    p = 10
    for c in s[:-1]:
        p = (p + int(c)) % 10 or 10
        p = p * 2 % 11
    return (11 - p) % 10 == int(s[-1])


def same(s):
    return len(set(s)) == 1


rule("luhn", "########## #### ###############", "79927398713")(luhn)
rule("verhoeff", "#### ######### ############", "2363")(verhoeff)
rule("mod11_10", "########### #########", "07945")(mod11_10)


# ---- North America -----------------------------------------------------------

@rule("us_ssn", "#########", "219099998", "536904399")
def _(s):
    return s[:3] not in ("000", "666") and s[0] != "9" and s[3:5] != "00" and s[5:] != "0000" \
        and s not in ("078051120", "457555462", "219099999", "123456789")


@rule("us_itin", "9##7##### 9##9#####", "912903456")
def _(s):
    g = int(s[3:5])
    return s[0] == "9" and (50 <= g <= 65 or 70 <= g <= 88 or 90 <= g <= 92 or 94 <= g <= 99)


@rule("us_atin", "9##93####")
def _(s):
    return s[0] == "9" and s[3:5] == "93"


@rule("us_ein", "#########", "911144442")
def _(s):
    campus = "01-06 10-16 20-27 30-48 50-68 71-77 80-88 90-95 98-99"
    return any(int(r[:2]) <= int(s[:2]) <= int(r[3:]) for r in campus.split())


@rule("us_routing", "0######## 1######## 2######## 3######## 6########", "111000025", "021000021", "011401533")
def _(s):
    p = int(s[:2])
    ok = p <= 12 or 21 <= p <= 32 or 61 <= p <= 72 or p == 80
    return ok and int(s) > 0 and (3 * (int(s[0]) + int(s[3]) + int(s[6])) + 7 * (int(s[1]) + int(s[4]) + int(s[7]))
                                  + int(s[2]) + int(s[5]) + int(s[8])) % 10 == 0


@rule("us_npi", "1######### 2#########", "1234567893")
def _(s):
    return s[0] in "12" and luhn("80840" + s)


@rule("ca_sin", "#########", "130692544", "123456782")
def _(s):
    return s[0] not in "08" and luhn(s)


# ---- British Isles -----------------------------------------------------------

@rule("uk_nhs", "##########", "9434765919", "9434765870")
def _(s):
    return dot(s, range(10, 0, -1)) % 11 == 0 and not same(s)


@rule("uk_utr", "##########", "1955839661")
def _(s):
    return "21987654321"[dot(s[1:], [6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11] == s[0]


# ---- Germany, Austria, Switzerland -------------------------------------------

@rule("de_tax_id", "###########", "36574261809", "86095742719")
def _(s):
    counts = [s[:10].count(c) for c in "0123456789"]
    return s[0] != "0" and sum(c > 1 for c in counts) == 1 and max(counts) <= 3 and mod11_10(s)


@rule("de_lanr", "#########", "123456601")
def _(s):
    return (10 - dot(s[:6], [4, 9, 4, 9, 4, 9]) % 10) % 10 == int(s[6])


@rule("at_svnr", "####DDMM##", "1237010180")
def _(s):
    return s[0] != "0" and dot(s, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == int(s[3]) \
        and int(s[4:6]) <= 31 and 1 <= int(s[6:8]) <= 15


@rule("ch_ahv", "756##########", "7569217076985", "7561234567897")
def _(s):
    return s[:3] == "756" and dot(s, [1, 3] * 7) % 10 == 0


# ---- France, Iberia, Italy ---------------------------------------------------

@rule("fr_nir", "1##0########### 2##1###########", "295109912611193", "253071807300470")
def _(s):
    m = int(s[3:5])
    return s[0] in "1278" and (1 <= m <= 12 or 20 <= m <= 42 or m >= 50) and 97 - int(s[:13]) % 97 == int(s[13:])


@rule("fr_siret", "##############", "73282932000074", "35600000000048", "35600000049837")
def _(s):
    post = s.startswith("356000000") and sum(nums(s)) % 5 == 0
    return luhn(s[:9]) and luhn(s) or post


@rule("es_social", "28########## 08########## 41##########", "281234567840", "281234567840")
def _(s):
    p, n = int(s[:2]), int(s[2:10])
    whole = n + p * 10 ** 7 if n < 10 ** 7 else int(s[:10])
    return 1 <= p <= 66 and whole % 97 == int(s[10:])


@rule("pt_nif", "1######## 2######## 5########", "501964843")
def _(s):
    c = 11 - dot(s[:8], range(9, 1, -1)) % 11
    return s[0] not in "04" and (c if c < 10 else 0) == int(s[8])


# ---- Benelux -----------------------------------------------------------------

@rule("nl_bsn", "######### ########", "111222333", "941331490")
def _(s):
    t = s.zfill(9)
    return not same(t) and (dot(t[:8], range(9, 1, -1)) - int(t[8])) % 11 == 0


@rule("be_nn", "YYMMDD#####", "85073003328", "17073003384")
def _(s):
    key = int(s[9:])
    return int(s[2:4]) % 20 <= 12 and int(s[4:6]) <= 31 and int(s[:9]) > 0 and \
        key in (97 - int(s[:9]) % 97, 97 - int("2" + s[:9]) % 97)


@rule("lu_matricule", "19YYMMDD#####", "1893120105732")
def _(s):
    return 1850 < int(s[:4]) < 2100 and day(s[6:8], s[4:6]) and luhn(s[:12]) and verhoeff(s[:11] + s[12])


# ---- Poland, Nordics, Baltics ------------------------------------------------

@rule("pl_pesel", "YYMMDD#####", "44051401359", "02070803628")
def _(s):
    return day(s[4:6], s[2:4], month_offsets=(0, 20, 40, 60, 80)) and \
        dot(s, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 == 0


@rule("pl_nip", "##########", "8567346215", "1234563218")
def _(s):
    return not same(s) and dot(s, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == int(s[9])


@rule("pl_regon", "######### ##############", "192598184", "123456785", "12345678512347")
def _(s):
    ok = dot(s[:8], [8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == int(s[8]) and not same(s)
    return ok and (len(s) == 9 or
                   dot(s[:13], [2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == int(s[13]))


@rule("se_person", "YYMMDD#### 19YYMMDD####", "8803200016", "198803200016", "8112189876")
def _(s):
    if len(s) == 12:
        if s[:2] not in ("18", "19", "20"):
            return False
        s = s[2:]
    return day(s[4:6], s[2:4], offsets=(0, 60)) and luhn(s)


@rule("se_org", "55######## 21########", "1234567897", "5560360793")
def _(s):
    return s[0] != "0" and s[2] in "23456789" and luhn(s)


@rule("dk_cpr", "DDMM######", "2110625629")
def _(s):
    return day(s[:2], s[2:4])


@rule("dk_cvr", "########", "13585628")
def _(s):
    return s[0] != "0" and dot(s, [2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0


@rule("no_fnr", "DDMM#######", "15108695088")
def _(s):
    k1 = (11 - dot(s, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11
    k2 = (11 - (dot(s, [5, 4, 3, 2, 7, 6, 5, 4, 3]) + 2 * k1) % 11) % 11
    return day(s[:2], s[2:4], offsets=(0, 40), month_offsets=(0, 40)) and (k1, k2) == (int(s[9]), int(s[10]))


@rule("no_org", "8######## 9########", "988077917", "974760673")
def _(s):
    return s[0] in "89" and (11 - dot(s, [3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == int(s[8])


@rule("is_kennitala", "DDMM######", "4504013150", "1201743399")
def _(s):
    return day(s[:2], s[2:4], offsets=(0, 40)) and (11 - dot(s, [3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == int(s[8])


@rule("baltic", "3YYMMDD#### 4YYMMDD####", "36805280109", "37605030299", "33309240064")
def _(s):
    c = dot(s, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11
    if c == 10:
        c = dot(s, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10
    return s[0] in "12345678" and day(s[5:7], s[3:5]) and c == int(s[10])


@rule("lv_code", "DDMM##1#### 32#########", "16117519997")
def _(s):
    if s[:2] >= "32" and s[0] == "3":
        return True
    return day(s[:2], s[2:4]) and s[6] in "012" and \
        (1101 - dot(s, [1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11 % 10 == int(s[10])


@rule("fi_business", "########", "20774740", "01120389")
def _(s):
    r = dot(s[:7], [7, 9, 10, 5, 8, 4, 2]) % 11
    return r != 1 and (0 if r == 0 else 11 - r) == int(s[7])


# ---- central and eastern Europe ----------------------------------------------

@rule("ro_cnp", "1YYMMDD###### 2YYMMDD######", "1630615123457")
def _(s):
    c = dot(s, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11
    return s[0] != "0" and day(s[5:7], s[3:5]) and (1 if c == 10 else c) == int(s[12])


@rule("ro_cui", "########", "18547290")
def _(s):
    return s[0] != "0" and dot(s.zfill(10), [7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == int(s[-1])


@rule("bg_egn", "YYMMDD####", "7523169263", "8032056031")
def _(s):
    return day(s[4:6], s[2:4], month_offsets=(0, 20, 40)) and \
        dot(s, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == int(s[9])


@rule("rodne_cislo", "YYMMDD####", "7103192745", "7801233540")
def _(s):
    ok = day(s[4:6], s[2:4], month_offsets=(0, 20, 50, 70))
    if len(s) == 9:
        return ok and int(s[:2]) <= 53 and s[6:] != "000"
    return ok and (int(s) % 11 == 0 or int(s[:9]) % 11 == 10 and s[9] == "0")


@rule("hu_tax", "8#########", "8071592153")
def _(s):
    return s[0] == "8" and dot(s, range(1, 10)) % 11 == int(s[9])


@rule("hu_taj", "#########", "111111110")
def _(s):
    return not same(s) and dot(s, [3, 7] * 4) % 10 == int(s[8])


rule("hr_oib", "###########", "33392005961", "69435151530")(mod11_10)


@rule("jmbg", "DDMM9######## DDMM0########", "0101006500006")
def _(s):
    c = 11 - dot(s, [7, 6, 5, 4, 3, 2] * 2) % 11
    return day(s[:2], s[2:4]) and s[4] in "089" and (0 if c > 9 else c) == int(s[12])


@rule("gr_amka", "DDMM#######", "01013099997")
def _(s):
    return day(s[:2], s[2:4]) and luhn(s)


@rule("gr_afm", "#########", "094259216", "023456780")
def _(s):
    return int(s) > 0 and sum(int(c) << (8 - i) for i, c in enumerate(s[:8])) % 11 % 10 == int(s[8])


@rule("ua_rnokpp", "##########", "1759013776")
def _(s):
    return dot(s, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == int(s[9])


@rule("ru_inn", "########## ############", "7827004526", "123456789047", "7707083893")
def _(s):
    a = [2, 4, 10, 3, 5, 9, 4, 6, 8]
    if same(s):
        return False
    if len(s) == 10:
        return dot(s, a) % 11 % 10 == int(s[9])
    return dot(s, [7] + a) % 11 % 10 == int(s[10]) and dot(s, [3, 7] + a) % 11 % 10 == int(s[11])


@rule("ru_snils", "1########## 0########## 2##########", "11223344595")
def _(s):
    return dot(s[:9], range(9, 0, -1)) % 101 % 100 == int(s[9:]) and int(s[:9]) > 1001998


# ---- Latin America -----------------------------------------------------------

def brazil(s, weights):
    r = 11 - dot(s, weights) % 11
    return 0 if r > 9 else r


@rule("br_cpf", "###########", "39053344705", "11144477735")
def _(s):
    return not same(s) and brazil(s, range(10, 1, -1)) == int(s[9]) and brazil(s, range(11, 1, -1)) == int(s[10])


@rule("br_cnpj", "########0001##", "16727230000197", "11222333000181")
def _(s):
    w = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    return not same(s) and brazil(s, w[1:]) == int(s[12]) and brazil(s, w) == int(s[13])


@rule("ar_cuit", "20######### 27######### 30#########", "20055361682", "20267565393")
def _(s):
    c = 11 - dot(s, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    k = int(s[:2])
    return (20 <= k <= 27 or 30 <= k <= 34 or 50 <= k <= 55) and {11: 0, 10: 9}.get(c, c) == int(s[10])


@rule("co_nit", "######### ##########", "2131234321", "8001972684")
def _(s):
    r = sum(int(c) * w for c, w in zip(reversed(s[:-1]), [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71])) % 11
    return (r if r < 2 else 11 - r) == int(s[-1])


@rule("pe_ruc", "10######### 20#########", "20512333797", "20480674414")
def _(s):
    return s[:2] in ("10", "15", "17", "20") and (11 - dot(s, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10 == int(s[10])


@rule("ec_cedula", "17######## 09########", "1714307103", "0926687856")
def _(s):
    total = sum(digit_sum(int(c) * (2 - i % 2)) for i, c in enumerate(s[:9]))
    return (1 <= int(s[:2]) <= 24 or s[:2] == "30") and s[2] in "012345" and (-total) % 10 == int(s[9])


@rule("cl_rut_digits", "######### ########", "125319092")
def _(s):
    r = 11 - sum(int(c) * (2 + i % 6) for i, c in enumerate(reversed(s[:-1]))) % 11
    return r != 10 and (0 if r == 11 else r) == int(s[-1])


@rule("uy_cedula", "########", "12345672", "12345672")
def _(s):
    return -dot(s[:7], [2, 9, 8, 7, 6, 3, 4]) % 10 == int(s[7])


# ---- Asia and Oceania, Africa ------------------------------------------------

@rule("in_aadhaar", "2########### 9###########", "234123412346")
def _(s):
    return s[0] not in "01" and s != s[::-1] and verhoeff(s)


@rule("au_tfn", "######### ########", "123456782", "876543210")
def _(s):
    w = [1, 4, 3, 7, 5, 8, 6, 9, 10] if len(s) == 9 else [10, 7, 8, 4, 6, 3, 5, 1]
    return not same(s) and dot(s, w) % 11 == 0


@rule("au_abn", "###########", "83914571673", "51824753556")
def _(s):
    return s[0] != "0" and (dot(s, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 == 0


@rule("au_acn", "#########", "004085616", "010499966")
def _(s):
    return not same(s) and -dot(s, range(8, 0, -1)) % 10 == int(s[8])


@rule("au_medicare", "2######### 4######### 6##########", "2123456701")
def _(s):
    return s[0] in "23456" and dot(s, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 == int(s[8])


@rule("nz_ird", "0######## 1######## ########", "49091850", "35901981", "049098576", "136410132")
def _(s):
    if not 10 ** 7 <= int(s) <= 15 * 10 ** 7:
        return False
    t = s.zfill(9)
    c = -dot(t, [3, 2, 7, 6, 5, 4, 3, 2]) % 11
    if c == 10:
        c = -dot(t, [7, 4, 3, 2, 5, 2, 7, 6]) % 11
    return c == int(t[8])


@rule("my_nric", "YYMMDD01#### YYMMDD14####", "770305021234")
def _(s):
    unused = {0, 17, 18, 19, 20, 69, 70, 73, 80, 81, 94, 95, 96, 97}
    return day(s[4:6], s[2:4]) and int(s[6:8]) not in unused


@rule("id_nik", "3171##DDMM######", "3171011708450001")
def _(s):
    return 11 <= int(s[:2]) <= 96 and day(s[6:8], s[8:10], offsets=(0, 40)) and s[12:] != "0000"


@rule("th_tnin", "1############ 3############", "1234545678781")
def _(s):
    return s[0] in "12345678" and (11 - dot(s, range(13, 1, -1)) % 11) % 10 == int(s[12])


@rule("kr_rrn", "YYMMDD#######", "9710139019902")
def _(s):
    return day(s[4:6], s[2:4])


@rule("kr_brn", "##########", "1168200276", "1348672683")
def _(s):
    total = dot(s, [1, 3, 7, 1, 3, 7, 1, 3, 5]) + int(s[8]) * 5 // 10
    return -total % 10 == int(s[9])


@rule("jp_my_number", "############", "123456789018")
def _(s):
    r = dot(s, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return not same(s) and (0 if r <= 1 else 11 - r) == int(s[11])


@rule("tw_ubn", "########", "00501503", "04595257", "22099131")
def _(s):
    products = [int(c) * w for c, w in zip(s, [1, 2, 1, 2, 1, 2, 4, 1])]
    z = sum(map(digit_sum, products))
    return int(s) > 0 and (z % 5 == 0 or s[6] == "7" and (z + 1) % 5 == 0)


@rule("pk_cnic", "3############", "3420108912318")
def _(s):
    return s[0] in "12345678" and s[12] != "0"


@rule("il_id", "#########", "039337423")
def _(s):
    return int(s) > 0 and luhn(s)


@rule("tr_id", "###########", "17291716060", "10000000146")
def _(s):
    n = nums(s)
    return n[0] > 0 and (7 * sum(n[0:9:2]) - sum(n[1:8:2])) % 10 == n[9] and sum(n[:10]) % 10 == n[10]


@rule("tr_tax", "##########", "4540536920")
def _(s):
    total = 0
    for i in range(1, 10):
        x = (int(s[i - 1]) + 10 - i) % 10
        if x:
            x = x * 2 ** (10 - i) % 9 or 9
        total += x
    return -total % 10 == int(s[9])


@rule("za_id", "YYMMDD####08# YYMMDD####18#", "7503305044089", "8001015009087")
def _(s):
    return day(s[4:6], s[2:4]) and s[10] in "012" and luhn(s)


# ---- devices, cards ----------------------------------------------------------

@rule("imei", "35############# 49#############", "490154203237518", "356938035643809")
def _(s):
    return not same(s) and luhn(s)


@rule("iccid", "8944############### 89440##############", "8944500102198304826")
def _(s):
    return s[:2] == "89" and luhn(s)


@rule("imsi", "262############ 310############", "429011234567890", "310150123456789")
def _(s):
    return 202 <= int(s[:3]) <= 750 or s[:3] == "901"


@rule("card", "4############### 51############## 2720############ 34############# 6011############ "
      "36############ 3528############ 62############## 2202############",
      "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904",
      "3530111333300000", "2223003122003222", "4222222222222", "6200000000000005")
def _(s):
    return luhn(s)


# ---- letters and digits ------------------------------------------------------

@rule("es_dni", "########@", "54362315K", "12345678Z")
def _(s):
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(s[:8]) % 23] == s[8]


@rule("es_nie", "X#######@ Y#######@ Z#######@", "X2482300W", "Z8327649K")
def _(s):
    n = int({"X": "0", "Y": "1", "Z": "2"}.get(s[0], "9") + s[1:8])
    return s[0] in "XYZ" and "TRWAGMYFPDXBNJZSQVHLCKE"[n % 23] == s[8]


@rule("es_cif", "A######## J######## P#######@", "J99216582", "A13585625")
def _(s):
    total = sum(nums(s[2:7:2])) + sum(digit_sum(2 * d) for d in nums(s[1:8:2]))
    c = -total % 10
    return s[0] in "ABCDEFGHJNPQRSUVW" and s[8] in (str(c), "JABCDEFGHI"[c])


@rule("it_fiscal_code", "@@@@@@##A##@###@ @@@@@@##P##@###@", "RCCMNL83S18D969H", "RSSMRA85T10A562S")
def _(s):
    odd = dict(zip("0123456789", [1, 0, 5, 7, 9, 13, 15, 17, 19, 21]))
    odd.update(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12,
                                                  14, 16, 10, 22, 25, 24, 23]))
    total = sum(odd[c] if i % 2 == 0 else v36(c) if c.isdigit() else v36(c) - 10 for i, c in enumerate(s[:15]))
    return s[8] in "ABCDEHLMPRST" and chr(65 + total % 26) == s[15]


@rule("it_vat", "IT###########", "IT00743110157")
def _(s):
    return not same(s[2:]) and luhn(s[2:])


@rule("uk_nino", "AB######C JG######A", "AB123456C", "HH123456C")
def _(s):
    return s[0] not in "DFIQUV" and s[1] not in "DFIOQUV" and s[8] in "ABCD" and \
        s[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


@rule("uk_driving", "MORGA6MMDD#SM9IJ SMITH7MMDD#A99XY", "MORGA657054SM9IJ")
def _(s):
    m = int(s[6:8])
    return s[0].isalpha() and (1 <= m <= 12 or 51 <= m <= 62) and 1 <= int(s[8:10]) <= 31


@rule("ie_pps", "#######@ #######@A #######@B", "6433435F", "6433435OA", "6433435IH")
def _(s):
    total = dot(s[:7], range(8, 1, -1))
    if len(s) == 9 and s[8] not in "WTX":
        total += 9 * (ord(s[8]) - 64)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == s[7]


def icao(s):
    return sum((0 if c == "<" else v36(c)) * (7, 3, 1)[i % 3] for i, c in enumerate(s)) % 10


@rule("de_icao", "L######### C#########", "L01X00T471", "C01X0006H1")
def _(s):
    return icao(s[:9]) == int(s[9])


@rule("de_social", "15DDMM##C### 65DDMM##M###", "15070649C103")
def _(s):
    t = s[:8] + "%02d" % (ord(s[8]) - 64) + s[9:11]
    total = sum(digit_sum(int(c) * w) for c, w in zip(t, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]))
    return day(s[2:4], s[4:6], offsets=(0, 50)) and total % 10 == int(s[11])


@rule("de_kvnr", "A######### Q#########", "A123456780")
def _(s):
    t = "%02d" % (ord(s[0]) - 64) + s[1:9]
    return sum(digit_sum(int(c) * (1 + i % 2)) for i, c in enumerate(t)) % 10 == int(s[9])


@rule("de_vat", "DE#########", "DE136695976", "DE129273398")
def _(s):
    return s[2] != "0" and mod11_10(s[2:])


@rule("at_uid", "ATU########", "ATU13585627")
def _(s):
    total = sum(digit_sum(int(c) * (1 + i % 2)) for i, c in enumerate(s[3:10]))
    return (96 - total) % 10 == int(s[10])


@rule("ch_uid", "CHE#########", "CHE100155212", "CHE107787577")
def _(s):
    return (11 - dot(s[3:], [5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11 == int(s[11])


@rule("fr_vat", "FR###########", "FR40303265045", "FR83404833048")
def _(s):
    return luhn(s[4:]) and int(s[4:] + "12") % 97 == int(s[2:4])


@rule("fr_nir_corsica", "1##0#2A######## 2##1#2B########", "253072B07300470")
def _(s):
    n = int(s[:13].replace("2A", "19", 1) if s[5:7] == "2A" else s[:5] + "18" + s[7:13])
    return s[0] in "12" and s[5:7] in ("2A", "2B") and 97 - n % 97 == int(s[13:])


@rule("nl_vat", "NL#########B01 NL#########B02", "NL004495445B01", "NL123456789B13")
def _(s):
    return RULES["nl_bsn"](s[2:11]) or int("".join(str(v36(c)) for c in s)) % 97 == 1


@rule("be_vat", "BE0#########", "BE0428759497", "BE0403019261")
def _(s):
    return s[2] in "01" and int(s[2:10]) > 0 and 97 - int(s[2:10]) % 97 == int(s[10:])


@rule("pt_cc", "#########ZZ# #########ZX#", "000000000ZZ4")
def _(s):
    total = 0
    for i, c in enumerate(reversed(s)):
        v = v36(c) * (1 + i % 2)
        total += v - 9 if i % 2 and v > 9 else v
    return s[-1].isdigit() and total % 10 == 0


@rule("pl_id_card", "ABA###### XYZ######", "ABA300000", "ABS123456")
def _(s):
    return sum(v36(c) * w for c, w in zip(s, [7, 3, 1, 9, 7, 3, 1, 7, 3])) % 10 == 0


@rule("fi_hetu", "DDMM##A###? DDMM#####? DDMM#####?", "131052308T", "311280888Y", "131052308T")
def _(s):
    if len(s) == 11 and s[6] not in "ABCDEFUVWXY":
        return False
    return day(s[:2], s[2:4]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(s[:6] + s[-4:-1]) % 31] == s[-1]


@rule("mx_curp", "ABCDYYMMDDHDFRRL0#", "BOXW310820HNERXN09")
def _(s):
    letters = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
    total = sum(letters.index(c) * (18 - i) for i, c in enumerate(s[:17]))
    return day(s[8:10], s[6:8]) and s[10] in "HMX" and -total % 10 == int(s[17])


@rule("mx_rfc", "ABCDYYMMDD?#? XYZYYMMDD?#?", "GODE561231GR8", "GODE561231GR8")
def _(s):
    letters = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ \u00d1"
    t = s.rjust(13)
    if not day(t[8:10], t[6:8]):
        return False
    c = 11 - sum(letters.index(x) * (13 - i) for i, x in enumerate(t[:12])) % 11
    return {11: "0", 10: "A"}.get(c, str(c)) == t[12]


@rule("cl_rut", "########? #######?", "125319092", "125319092")
def _(s):
    if not s[:-1].isdigit():
        return False
    r = 11 - sum(int(c) * (2 + i % 6) for i, c in enumerate(reversed(s[:-1]))) % 11
    return {11: "0", 10: "K"}.get(r, str(r)) == s[-1]


@rule("ve_rif", "V######### J######### G#########", "V114702834")
def _(s):
    kind = {"V": 4, "E": 8, "J": 12, "C": 12, "P": 16, "G": 20}.get(s[0])
    if kind is None:
        return False
    c = 11 - (kind + dot(s[1:], [3, 2, 7, 6, 5, 4, 3, 2])) % 11
    return (0 if c > 9 else c) == int(s[9])


@rule("br_cnpj_alpha", "??????????01##", "12ABC34501DE35")
def _(s):
    w = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]

    def check(t, weights):
        r = 11 - sum((ord(c) - 48) * x for c, x in zip(t, weights)) % 11
        return str(0 if r > 9 else r)
    return check(s[:12], w[1:]) == s[12] and check(s[:13], w) == s[13]


@rule("in_pan", "@@@P@####@ @@@C@####@", "ACUPA7085R")
def _(s):
    return s[3] in "PCHFATBLJGK" and s[5:9] != "0000"


@rule("in_gstin", "27@@@P@####@1Z? 07@@@C@####@1Z?", "27AAPFU0939F1ZV", "29AAGCB7383J1Z4")
def _(s):
    st = int(s[:2])
    total = 0
    for i, c in enumerate(s[:14]):
        p = v36(c) * (1 + i % 2)
        total += p // 36 + p % 36
    return (1 <= st <= 38 or st in (97, 99)) and RULES["in_pan"](s[2:12]) and v36(s[14]) == -total % 36


@rule("in_plate", "MH12@@#### KA05@@####", "MH12AB1234")
def _(s):
    return s[:2] in ("AN AP AR AS BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK "
                     "TN TR TS UK UP UA WB").split()


@rule("sg_nric", "S#######@ T#######@ F#######@ G#######@ M#######@", "S1234567D", "T1234567J", "F1234567N",
      "G1234567X", "M1234567K")
def _(s):
    n = dot(s[1:8], [2, 7, 6, 5, 4, 3, 2]) + {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[s[0]]
    table = "JZIHGFEDCBA" if s[0] in "ST" else "XWUTRQPNMLK" if s[0] in "FG" else "XWUTRQPNJLK"
    return table[n % 11] == s[8]


@rule("sg_uen", "########@ 19#######@ T##LL####@", "00192200M", "197401143C", "S16FC0121D", "T01FC6132D")
def _(s):
    if len(s) == 9:
        return "XMKECAWLJDB"[dot(s, [10, 4, 9, 3, 8, 2, 7, 1]) % 11] == s[8]
    if s[0].isdigit():
        return "ZKCMDNERGWH"[dot(s, [10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11] == s[9]
    letters = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
    total = sum(letters.index(c) * w for c, w in zip(s, [4, 3, 5, 3, 10, 2, 2, 5, 7]))
    return s[0] in "RST" and letters[(total - 5) % 11] == s[9]


@rule("tw_id", "A1######## B2######## F1########", "A123456789")
def _(s):
    region = dict(zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36)))
    t = str(region[s[0]]) + s[1:]
    return s[1] in "1289" and dot(t, [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]) % 10 == 0


@rule("cn_resident", "11010519YYMMDD###?", "360426199101010071", "11010519491231002X")
def _(s):
    total = dot(s[:17], [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
    return s[0] in "12345678" and 1880 <= int(s[6:10]) < 2100 and day(s[12:14], s[10:12]) and \
        "10X98765432"[total % 11] == s[17]


@rule("cn_credit", "91110000########## 91310000#########?", "91110000600037341L", "91110000600037341L")
def _(s):
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    if any(c not in letters for c in s):
        return False
    return letters[-sum(letters.index(c) * 3 ** i for i, c in enumerate(s[:17])) % 31] == s[17]


@rule("nz_nhi", "ZAC#### JBX#### ZZZ##A@ ALU##K@", "ZAC5361", "JBX3656", "ZZZ00AX", "ALU18KZ")
def _(s):
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    if any(c in "IO" for c in s):
        return False
    total = sum((int(c) if c.isdigit() else letters.index(c) + 1) * (7 - i) for i, c in enumerate(s[:6]))
    if s[6].isdigit():
        return total % 11 != 0 and (11 - total % 11) % 10 == int(s[6])
    return letters[24 - total % 24 - 1] == s[6]


@rule("us_dea", "AB####### MF#######", "AB1234563", "BJ6125341")
def _(s):
    n = nums(s[2:])
    return s[0] in "ABCDEFGHJKLMPRSTUX" and (n[0] + n[2] + n[4] + 2 * (n[1] + n[3] + n[5])) % 10 == n[6]


@rule("us_mbi", "2A#4C#5FG## 9C#1TD6HJ##", "1EG4TE5MK73", "1EG4TE5MK72")
def _(s):
    good = "ACDEFGHJKMNPQRTUVWXY"
    n = "0123456789"
    kinds = [n[1:], good, good + n, n, good, good + n, n, good, good, n, n]
    return all(c in k for c, k in zip(s, kinds))


@rule("vin", "1HGCM826#3A###### 5YJSA1E2#FF######", "1M8GDM9AXKP042788", "1HGCM82633A004352", "11111111111111111",
      "5GZCZ43D13S812715")
def _(s):
    values = dict(zip("ABCDEFGH", range(1, 9)))
    values.update(zip("JKLMN", range(1, 6)))
    values.update({"P": 7, "R": 9})
    values.update(zip("STUVWXYZ", range(2, 10)))
    values.update({c: int(c) for c in "0123456789"})
    if any(c in "IOQ" for c in s):
        return False
    total = sum(values[c] * w for c, w in zip(s, [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]))
    return "0123456789X"[total % 11] == s[8]


with open("/usr/share/zoneinfo/iso3166.tab", encoding="utf-8") as table:
    COUNTRIES = {line[:2] for line in table if line[0] != "#"} | {"XK"}


@rule("swift", "DEUTDE## BNPAFR?? CHASUS##", "DEUTDEFF", "DEUTDEFF500", "BNPAFRPP", "CHASUS33", "UBSWCHZH80A")
def _(s):
    return s[4:6] in COUNTRIES


@rule("uk_plate", "AB51@@@ BD12@@@ LK7#@@@", "AB51CDE", "BD12SMR", "LK67ABC", "AA19AAA", "YE02XYZ")
def _(s):
    a = int(s[2:4])
    return (2 <= a <= 29 or 51 <= a <= 79) and s[0] not in "IQZ" and s[1] not in "IQZ"


IBANS = ("GB29NWBK60161331926819 DE89370400440532013000 FR1420041010050500013M02606 NL91ABNA0417164300 "
         "ES9121000418450200051332 CH9300762011623852957 NO9386011117947 BE68539007547034 SA0380000000608010167519 "
         "BR9700360305000010009795493P1 MT84MALT011000012345MTLCAST001S PL61109010140000071219812874").split()


@rule("iban", "DE#################### NO############# BE############## AT##################", *IBANS)
def _(s):
    return int("".join(str(v36(c)) for c in s[4:] + s[:4])) % 97 == 1


# ---- zones, wallets, tokens --------------------------------------------------

def mrz_line(document, country, birth, sex, expiry, optional, size):
    line = document.ljust(9, "<")
    line += str(icao(line)) + country + birth + str(icao(birth)) + sex + expiry + str(icao(expiry))
    if size == 44:
        optional = optional.ljust(14, "<")
        line += optional + str(icao(optional))
        return line + str(icao(line[:10] + line[13:20] + line[21:43]))
    line += optional.ljust(7, "<")
    return line + str(icao(line[:10] + line[13:20] + line[21:35]))


def mrz_td1(document, country, birth, sex, expiry):
    one = "I<" + country + document.ljust(9, "<")
    one = (one + str(icao(one[5:14]))).ljust(30, "<")
    two = birth + str(icao(birth)) + sex + expiry + str(icao(expiry)) + country + "<" * 11
    return one + "/" + two + str(icao(one[5:30] + two[:7] + two[8:15] + two[18:29]))


def random_date():
    return "%02d%02d%02d" % (rng.randrange(100), rng.randrange(1, 13), rng.randrange(1, 29))


def mrz_vectors():
    valid = [("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<</L898902C36UTO7408122F1204159ZE184226B<<<<<10", "published"),
             ("I<UTOD231458907<<<<<<<<<<<<<<</7408122F1204159UTO<<<<<<<<<<<6", "published"),
             ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<</D231458907UTO7408122F1204159<<<<<<<6", "published")]
    for _ in range(3):
        doc = "".join(rng.choice("CFGHJKLMNPRTVWXYZ0123456789") for _ in range(9))
        name = "P<UTO" + "DOE<<JANE".ljust(39, "<")
        valid.append((name + "/" + mrz_line(doc, "UTO", random_date(), "F", random_date(), "", 44), "computed"))
        valid.append((mrz_td1(doc, "UTO", random_date(), "M", random_date()), "computed"))
        valid.append(("I<UTO" + "DOE<<JOHN".ljust(31, "<") + "/" +
                      mrz_line(doc, "UTO", random_date(), "M", random_date(), "", 36), "computed"))
    wrong = []
    for v, _ in valid:
        line = v.index("/") + 1
        # a digit of the dates, of the second line
        places = [i for i in range(line + (0 if len(v) == 61 else 13), line + (6 if len(v) == 61 else 19)) if v[i].isdigit()]
        i = rng.choice(places)
        wrong.append(v[:i] + str((int(v[i]) + 1 + rng.randrange(8)) % 10) + v[i + 1:])
    return valid, wrong


def base58(payload, alphabet):
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    n = int.from_bytes(data, "big")
    out = ""
    while n:
        n, r = divmod(n, 58)
        out = alphabet[r] + out
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + out


BTC = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
XRP = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"


def bech32(hrp, data, constant):
    def polymod(values):
        c = 1
        for v in values:
            top, c = c >> 25, (c & 0x1ffffff) << 5 ^ v
            for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
                c ^= g if top >> i & 1 else 0
        return c
    head = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    m = polymod(head + data + [0] * 6) ^ constant
    return hrp + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[v]
                               for v in data + [m >> 5 * (5 - i) & 31 for i in range(6)])


def other(c, alphabet):
    return rng.choice([x for x in alphabet if x != c])


def special_vectors():
    yield ("mrz",) + mrz_vectors()

    valid = [("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "published"), ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "published"),
             ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "published")]
    valid += [(base58(bytes([v]) + rng.randbytes(20), BTC), "computed") for v in (0, 5, 48, 50, 65)]
    yield "base58", valid, [v[:12] + other(v[12], BTC) + v[13:] for v, _ in valid]
    valid = [("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "published")]
    valid += [(base58(b"\0" + rng.randbytes(20), XRP), "computed") for _ in range(5)]
    yield "base58_xrp", valid, [v[:12] + other(v[12], XRP) + v[13:] for v, _ in valid]
    valid = [("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "published"),
             ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "published")]
    for hrp, constant, n in (("bc", 1, 32), ("tb", 1, 32), ("ltc", 1, 32), ("bc", 0x2bc830a3, 52)):
        valid.append((bech32(hrp, [0 if constant == 1 else 1] + [rng.randrange(32) for _ in range(n)], constant), "computed"))
    yield "bech32", valid, [v[:20] + other(v[20], "qpzry9x8gf2tvdw0s3jn54khce6mua7l") + v[21:] for v, _ in valid]
    valid = [(v, "published") for v in (
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "52908400098527886E0F7030069857D2E4169EE7", "27b1fdb04752bbc536007a920d24acb045561c26")]
    yield "eip55", valid, [v[:i] + v[i].swapcase() + v[i + 1:] for v, _ in valid
                           for i in [next(k for k, c in enumerate(v) if c.isalpha() and k > 8)]]
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    valid = []
    for _ in range(6):
        body = "".join(rng.choice(letters) for _ in range(30))
        n, tail = zlib.crc32(body.encode()), ""
        for _ in range(6):
            n, r = divmod(n, 62)
            tail = letters[r] + tail
        valid.append((body + tail, "computed"))
    yield "token_crc", valid, [v[:9] + other(v[9], letters) + v[10:] for v, _ in valid]


# ---- writing -----------------------------------------------------------------

def draw(shape):
    shape = shape.replace("YYMMDD", random_date()).replace("MMDD", random_date()[2:])
    if "DDMM" in shape:
        d = random_date()
        shape = shape.replace("DDMM", d[4:] + d[2:4])
    out = ""
    for c in shape:
        out += rng.choice("0123456789") if c == "#" else \
            rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "@" else \
            rng.choice("0123456789ABCDEFGHJKLMNPRTUVWXY") if c == "?" else c
    return out


def computed(name, n):
    found = []
    while len(found) < n:
        s = draw(SHAPE[name][len(found) % len(SHAPE[name])])
        if RULES[name](s) and s not in found:
            found.append(s)
    return found


def fails(name, s):
    try:
        return not RULES[name](s)
    except (ValueError, KeyError):
        return False    # not of the shape that the check is asked about


def wrong_ones(name, valid):
    """One digit changed, or one letter where no digit decides; of each number in turn."""
    found = []
    for kind in (str.isdigit, str.isalpha):
        each = []
        if len(found) >= 6:
            break
        for v in valid:
            ways = [v[:i] + x + v[i + 1:] for i, c in enumerate(v) if kind(c)
                    for x in ("0123456789" if c.isdigit() else "ABCDEFGHJKLMNPQRSTUVWXYZ") if x != c]
            ways = [w for w in ways if fails(name, w)]
            rng.shuffle(ways)
            each.append(ways)
        while len(found) < 6 and any(each):
            found += [w.pop() for w in each if w]
    return sorted(set(found))[:8]


def write(name, valid, wrong):
    assert len(valid) >= 5 and len(wrong) >= 5, (name, len(valid), len(wrong))
    for v, source in valid:
        print(name, v, 1, source, sep="\t")
    for w in wrong:
        print(name, w, 0, "one wrong", sep="\t")


def main():
    for name in RULES:
        published = sorted(set(PUBLISHED[name]))
        for p in published:
            assert RULES[name](p), (name, p)
        valid = published + [s for s in computed(name, max(3, 6 - len(published))) if s not in published]
        write(name, [(v, "published" if v in published else "computed") for v in valid], wrong_ones(name, valid))
    for name, valid, wrong in special_vectors():
        write(name, valid, wrong)


main()
