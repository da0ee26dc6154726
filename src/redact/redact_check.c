/*-------------------------------------------------------------------------
 *
 * redact_check.c
 *		Check digits of cards, accounts and national identifiers.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#include <string.h>

#include "redact/redact_check.h"

bool
check_luhn(const uint8_t *d, int n)
{
	static const uint8_t doubled[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += (n - i) % 2 == 0 ? doubled[d[i]] : d[i];
	return sum % 10 == 0;
}

bool
check_all_equal(const uint8_t *d, int n)
{
	for (int i = 1; i < n; i++)
	{
		if (d[i] != d[0])
			return false;
	}
	return true;
}


static long
number_of(const uint8_t *d, int n)
{
	long value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + d[i];
	return value;
}

/* The sum of digits times weights, which are written as letters: @ is 0, A 1. */
static int
weigh(const uint8_t *d, const char *weights)
{
	int sum = 0;

	for (int i = 0; weights[i] != '\0'; i++)
		sum += d[i] * (weights[i] - 'A' + 1);
	return sum;
}

static bool
is_date(int month, int day)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30,
								   31, 31, 30, 31, 30, 31};

	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

bool
check_verhoeff(const uint8_t *d, int n)
{
	static const char times[10][11] = {
		"0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
		"5987604321", "6598710432", "7659821043", "8765932104", "9876543210"};
	static const char permute[8][11] = {
		"0123456789", "1576283094", "5803796142", "8916043527",
		"9453126870", "4286573901", "2793806415", "7046913258"};
	int c = 0;

	for (int i = 0; i < n; i++)
		c = times[c][permute[i % 8][d[n - 1 - i]] - '0'] - '0';
	return c == 0;
}

bool
check_mod11_10(const uint8_t *d, int n)
{
	int p = 10;

	for (int i = 0; i < n - 1; i++)
	{
		p = (p + d[i]) % 10;
		p = (p == 0 ? 10 : p) * 2 % 11;
	}
	return (p + d[n - 1]) % 10 == 1;
}

/* ---- cards ---------------------------------------------------------- */

int
check_card_range(const uint8_t *d, int n)
{
	int two = number_of(d, 2);
	int three = number_of(d, 3);
	int four = number_of(d, 4);

	if (n < 12 || n > 19 || check_all_equal(d, n))
		return 0;
	if (d[0] == 4) /* Visa */
		return n == 16 ? 2 : n == 13 || n == 19;
	if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720))
		return n == 16 ? 2 : 0; /* Mastercard */
	if (two == 34 || two == 37) /* American Express */
		return n == 15 ? 2 : 0;
	if (four == 6011 || (three >= 644 && three <= 649) || two == 65)
		return n == 16 ? 2 : n > 16; /* Discover */
	if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39)
		return n == 14 ? 2 : n > 14;  /* Diners Club */
	if (four >= 3528 && four <= 3589) /* JCB */
		return n == 16 ? 2 : n > 16;
	if (four == 2131 || four == 1800) /* JCB, old */
		return n == 15;
	if (two == 62 || two == 81) /* UnionPay */
		return n == 16 ? 2 : n > 16;
	if (four >= 2200 && four <= 2204) /* Mir */
		return n == 16 ? 2 : n > 16;
	if (two == 50 || (two >= 56 && two <= 69)) /* Maestro */
		return n == 16 ? 2 : 1;
	return 0;
}

/* ---- North America -------------------------------------------------- */

bool
check_us_ssn(const uint8_t *d, int n)
{
	long area = number_of(d, 3);
	long all = number_of(d, 9);

	(void) n;
	if (area == 0 || area == 666 || area >= 900 || number_of(d + 3, 2) == 0 ||
		number_of(d + 5, 4) == 0)
		return false;
	/* printed on specimen cards and in advertisements */
	return all != 78051120 && all != 457555462 && all != 219099999 &&
		   all != 123456789;
}

bool
check_us_itin(const uint8_t *d, int n)
{
	long group = number_of(d + 3, 2);

	(void) n;
	return d[0] == 9 &&
		   ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
			(group >= 90 && group <= 92) || (group >= 94 && group <= 99));
}

bool
check_us_atin(const uint8_t *d, int n)
{
	(void) n;
	return d[0] == 9 && number_of(d + 3, 2) == 93;
}

bool
check_us_ein(const uint8_t *d, int n)
{
	/* prefixes that no campus has given out */
	static const uint8_t unused[] = {0,	 7,	 8,	 9,	 17, 18, 19, 28, 29,
									 49, 69, 70, 78, 79, 89, 96, 97};
	long prefix = number_of(d, 2);

	(void) n;
	for (size_t i = 0; i < sizeof(unused); i++)
	{
		if (prefix == unused[i])
			return false;
	}
	return true;
}

bool
check_us_routing(const uint8_t *d, int n)
{
	long two = number_of(d, 2);

	(void) n;
	return (two <= 12 || (two >= 21 && two <= 32) ||
			(two >= 61 && two <= 72) || two == 80) &&
		   weigh(d, "CGACGACGA") % 10 == 0 && number_of(d, 9) != 0;
}

bool
check_us_npi(const uint8_t *d, int n)
{
	uint8_t with_prefix[15] = {8, 0, 8, 4, 0};

	(void) n;
	memcpy(with_prefix + 5, d, 10);
	return (d[0] == 1 || d[0] == 2) && check_luhn(with_prefix, 15);
}

bool
check_ca_sin(const uint8_t *d, int n)
{
	return d[0] != 0 && d[0] != 8 && check_luhn(d, n);
}

/* ---- British Isles -------------------------------------------------- */

bool
check_uk_nhs(const uint8_t *d, int n)
{
	return weigh(d, "JIHGFEDCBA") % 11 == 0 && !check_all_equal(d, n);
}

bool
check_uk_utr(const uint8_t *d, int n)
{
	(void) n;
	return "21987654321"[weigh(d + 1, "FGHIJEDCB") % 11] == d[0] + '0';
}

/* ---- Germany, Austria, Switzerland ---------------------------------- */

bool
check_de_tax_id(const uint8_t *d, int n)
{
	int count[10] = {0};
	int repeated = 0;

	for (int i = 0; i < 10; i++)
		count[d[i]]++;
	for (int i = 0; i < 10; i++)
	{
		if (count[i] > 3)
			return false;
		repeated += count[i] > 1;
	}
	return d[0] != 0 && repeated == 1 && check_mod11_10(d, n);
}

bool
check_de_lanr(const uint8_t *d, int n)
{
	(void) n;
	return (10 - weigh(d, "DIDIDI") % 10) % 10 == d[6];
}

bool
check_at_svnr(const uint8_t *d, int n)
{
	int sum = weigh(d, "CGI") + weigh(d + 4, "EHDBAF");

	(void) n;
	return d[0] != 0 && sum % 11 == d[3] && number_of(d + 4, 2) <= 31 &&
		   number_of(d + 6, 2) >= 1 && number_of(d + 6, 2) <= 15;
}

static bool
check_ean13(const uint8_t *d)
{
	return weigh(d, "ACACACACACACA") % 10 == 0;
}

bool
check_ch_ahv(const uint8_t *d, int n)
{
	(void) n;
	return d[0] == 7 && d[1] == 5 && d[2] == 6 && check_ean13(d);
}

/* ---- France, Iberia, Italy ------------------------------------------ */

/* From the thirteen digits and the key. */
static bool
nir_of(long long number, long key)
{
	return 97 - number % 97 == key;
}

bool
check_fr_nir(const uint8_t *d, int n)
{
	long long number = 0;
	long month = number_of(d + 3, 2);

	(void) n;
	for (int i = 0; i < 13; i++)
		number = number * 10 + d[i];
	return (d[0] == 1 || d[0] == 2 || d[0] == 7 || d[0] == 8) &&
		   ((month >= 1 && month <= 12) || (month >= 20 && month <= 42) ||
			month >= 50) &&
		   nir_of(number, number_of(d + 13, 2));
}

bool
check_fr_siret(const uint8_t *d, int n)
{
	int sum = 0;

	if (check_luhn(d, 9) && check_luhn(d, n))
		return true;
	/* La Poste: its places count by the sum of digits */
	for (int i = 0; i < n; i++)
		sum += d[i];
	return number_of(d, 9) == 356000000 && sum % 5 == 0;
}

bool
check_es_social(const uint8_t *d, int n)
{
	long province = number_of(d, 2);
	long number = number_of(d + 2, 8);

	(void) n;
	if (province < 1 || province > 66)
		return false;
	number = number < 10000000 ? number + province * 10000000
							   : number + province * 100000000;
	return number % 97 == number_of(d + 10, 2);
}

bool
check_pt_nif(const uint8_t *d, int n)
{
	int check = (11 - weigh(d, "IHGFEDCB") % 11) % 11 % 10;

	(void) n;
	return d[0] != 0 && d[0] != 4 && check == d[8];
}

/* ---- Benelux -------------------------------------------------------- */

bool
check_nl_bsn(const uint8_t *d, int n)
{
	uint8_t nine[9] = {0};

	memcpy(nine + 9 - n, d, n);
	return !check_all_equal(nine, 9) &&
		   (weigh(nine, "IHGFEDCB") - nine[8]) % 11 == 0;
}

bool
check_be_nn(const uint8_t *d, int n)
{
	long number = number_of(d, 9);
	long key = number_of(d + 9, 2);
	long month = number_of(d + 2, 2) % 20;
	long day = number_of(d + 4, 2);

	(void) n;
	if (month > 12 || day > 31 || number == 0)
		return false;
	return 97 - number % 97 == key || 97 - (2000000000L + number) % 97 == key;
}

bool
check_lu_matricule(const uint8_t *d, int n)
{
	uint8_t verhoeff[12];

	(void) n;
	memcpy(verhoeff, d, 11);
	verhoeff[11] = d[12];
	return is_date(number_of(d + 4, 2), number_of(d + 6, 2)) &&
		   number_of(d, 4) > 1850 && number_of(d, 4) < 2100 &&
		   check_luhn(d, 12) && check_verhoeff(verhoeff, 12);
}

/* ---- Poland, Nordics, Baltics --------------------------------------- */

bool
check_pl_pesel(const uint8_t *d, int n)
{
	(void) n;
	return is_date(number_of(d + 2, 2) % 20, number_of(d + 4, 2)) &&
		   weigh(d, "ACGIACGIACA") % 10 == 0;
}

bool
check_pl_nip(const uint8_t *d, int n)
{
	(void) n;
	return !check_all_equal(d, 10) && weigh(d, "FEGBCDEFG") % 11 == d[9];
}

bool
check_pl_regon(const uint8_t *d, int n)
{
	if (check_all_equal(d, n) || weigh(d, "HIBCDEFG") % 11 % 10 != d[8])
		return false;
	return n == 9 || weigh(d, "BDHE@IGCFABDH") % 11 % 10 == d[13];
}

/* Ten digits, or twelve with the century. */
bool
check_se_person(const uint8_t *d, int n)
{
	if (n == 12)
	{
		long century = number_of(d, 2);

		if (century < 18 || century > 20)
			return false;
		d += 2;
	}
	/* co-ordination numbers add 60 to the day */
	return is_date(number_of(d + 2, 2), number_of(d + 4, 2) % 60) &&
		   check_luhn(d, 10);
}

bool
check_se_org(const uint8_t *d, int n)
{
	return d[2] >= 2 && d[0] != 0 && check_luhn(d, n);
}

bool
check_dk_cpr(const uint8_t *d, int n)
{
	(void) n;
	return is_date(number_of(d + 2, 2), number_of(d, 2));
}

bool
check_dk_cvr(const uint8_t *d, int n)
{
	(void) n;
	return d[0] != 0 && weigh(d, "BGFEDCBA") % 11 == 0;
}

bool
check_no_fnr(const uint8_t *d, int n)
{
	long day = number_of(d, 2);
	long month = number_of(d + 2, 2);

	(void) n;
	if (!is_date(month > 40 ? month - 40 : month, day > 40 ? day - 40 : day))
		return false;
	return (weigh(d, "CGFAHIDEB") + d[9]) % 11 == 0 &&
		   (weigh(d, "EDCBGFEDCB") + d[10]) % 11 == 0;
}

bool
check_no_org(const uint8_t *d, int n)
{
	(void) n;
	return (d[0] == 8 || d[0] == 9) && (weigh(d, "CBGFEDCB") + d[8]) % 11 == 0;
}

bool
check_is_kennitala(const uint8_t *d, int n)
{
	(void) n;
	/* companies add 40 to the day */
	return is_date(number_of(d + 2, 2), number_of(d, 2) % 40) &&
		   (weigh(d, "CBGFEDCB") + d[8]) % 11 == 0;
}

/* Estonia and Lithuania. */
bool
check_baltic(const uint8_t *d, int n)
{
	int check = weigh(d, "ABCDEFGHIA") % 11;

	(void) n;
	if (check == 10)
		check = weigh(d, "CDEFGHIABC") % 11 % 10;
	return d[0] >= 1 && d[0] <= 8 &&
		   is_date(number_of(d + 3, 2), number_of(d + 5, 2)) && check == d[10];
}

bool
check_lv_code(const uint8_t *d, int n)
{
	(void) n;
	if (d[0] == 3 && d[1] >= 2)
		return true; /* issued since 2017, without birth date */
	return is_date(number_of(d + 2, 2), number_of(d, 2)) && d[6] <= 2 &&
		   (1101 - weigh(d, "AFCGIJEHDB")) % 11 % 10 == d[10];
}

bool
check_fi_business(const uint8_t *d, int n)
{
	(void) n;
	return weigh(d, "GIJEHDBA") % 11 == 0;
}

/* ---- central and eastern Europe ------------------------------------- */

bool
check_ro_cnp(const uint8_t *d, int n)
{
	int check = weigh(d, "BGIADFCEHBGI") % 11;

	(void) n;
	return d[0] != 0 && is_date(number_of(d + 3, 2), number_of(d + 5, 2)) &&
		   (check == 10 ? 1 : check) == d[12];
}

bool
check_ro_cui(const uint8_t *d, int n)
{
	uint8_t ten[10] = {0};

	memcpy(ten + 10 - n, d, n);
	return d[0] != 0 && weigh(ten, "GECBAGECB") * 10 % 11 % 10 == ten[9];
}

bool
check_bg_egn(const uint8_t *d, int n)
{
	(void) n;
	return is_date(number_of(d + 2, 2) % 20, number_of(d + 4, 2)) &&
		   weigh(d, "BDHEJIGCF") % 11 % 10 == d[9];
}

/* Czech and Slovak birth numbers; nine digits before 1954, without check. */
bool
check_rodne_cislo(const uint8_t *d, int n)
{
	long month = number_of(d + 2, 2) % 50;
	long number = number_of(d, 9);

	if (month > 20)
		month -= 20;
	if (!is_date(month, number_of(d + 4, 2)))
		return false;
	if (n == 9)
		return number_of(d, 2) <= 53 && number_of(d + 6, 3) != 0;
	return number % 11 % 10 == d[9];
}

bool
check_hu_tax(const uint8_t *d, int n)
{
	(void) n;
	return d[0] == 8 && weigh(d, "ABCDEFGHI") % 11 == d[9];
}

bool
check_hu_taj(const uint8_t *d, int n)
{
	return weigh(d, "CGCGCGCG") % 10 == d[8] && !check_all_equal(d, n);
}

bool
check_hr_oib(const uint8_t *d, int n)
{
	return check_mod11_10(d, n);
}

/* The states that were Yugoslavia. */
bool
check_jmbg(const uint8_t *d, int n)
{
	(void) n;
	return is_date(number_of(d + 2, 2), number_of(d, 2)) &&
		   (d[4] == 9 || d[4] == 0 || d[4] == 8) &&
		   (11 - weigh(d, "GFEDCBGFEDCB") % 11) % 11 % 10 == d[12];
}

bool
check_gr_amka(const uint8_t *d, int n)
{
	return is_date(number_of(d + 2, 2), number_of(d, 2)) && check_luhn(d, n);
}

bool
check_gr_afm(const uint8_t *d, int n)
{
	int sum = 0;

	(void) n;
	for (int i = 0; i < 8; i++)
		sum = sum * 2 + d[i];
	return number_of(d, 9) != 0 && sum * 2 % 11 % 10 == d[8];
}

bool
check_ua_rnokpp(const uint8_t *d, int n)
{
	int sum = weigh(d + 1, "EGIDFJEG") - d[0];

	(void) n;
	return (sum % 11 + 11) % 11 % 10 == d[9];
}

bool
check_ru_inn(const uint8_t *d, int n)
{
	if (check_all_equal(d, n))
		return false;
	if (n == 10)
		return weigh(d, "BDJCEIDFH") % 11 % 10 == d[9];
	return weigh(d, "GBDJCEIDFH") % 11 % 10 == d[10] &&
		   weigh(d, "CGBDJCEIDFH") % 11 % 10 == d[11];
}

bool
check_ru_snils(const uint8_t *d, int n)
{
	(void) n;
	return weigh(d, "IHGFEDCBA") % 101 % 100 == number_of(d + 9, 2) &&
		   number_of(d, 9) > 1001998;
}

/* ---- Latin America -------------------------------------------------- */

static bool
brazilian_digit(int sum, uint8_t digit)
{
	int rest = sum % 11;

	return (rest < 2 ? 0 : 11 - rest) == digit;
}

bool
check_br_cpf(const uint8_t *d, int n)
{
	return !check_all_equal(d, n) &&
		   brazilian_digit(weigh(d, "JIHGFEDCB"), d[9]) &&
		   brazilian_digit(weigh(d, "KJIHGFEDCB"), d[10]);
}

bool
check_br_cnpj(const uint8_t *d, int n)
{
	return !check_all_equal(d, n) &&
		   brazilian_digit(weigh(d, "EDCBIHGFEDCB"), d[12]) &&
		   brazilian_digit(weigh(d, "FEDCBIHGFEDCB"), d[13]);
}

bool
check_ar_cuit(const uint8_t *d, int n)
{
	long kind = number_of(d, 2);
	int check = 11 - weigh(d, "EDCBGFEDCB") % 11;

	(void) n;
	return ((kind >= 20 && kind <= 27) || (kind >= 30 && kind <= 34) ||
			(kind >= 50 && kind <= 55)) &&
		   (check == 11	  ? 0
			: check == 10 ? 9
						  : check) == d[10];
}

bool
check_co_nit(const uint8_t *d, int n)
{
	static const uint8_t weights[] = {3,  7,  13, 17, 19, 23, 29, 37,
									  41, 43, 47, 53, 59, 67, 71};
	int sum = 0;

	for (int i = 0; i < n - 1; i++)
		sum += d[n - 2 - i] * weights[i];
	sum %= 11;
	return (sum < 2 ? sum : 11 - sum) == d[n - 1];
}

bool
check_pe_ruc(const uint8_t *d, int n)
{
	long kind = number_of(d, 2);

	(void) n;
	return (kind == 10 || kind == 15 || kind == 17 || kind == 20) &&
		   (11 - weigh(d, "EDCBGFEDCB") % 11) % 10 == d[10];
}

bool
check_ec_cedula(const uint8_t *d, int n)
{
	long province = number_of(d, 2);

	return ((province >= 1 && province <= 24) || province == 30) && d[2] < 6 &&
		   check_luhn(d, n);
}

bool
check_cl_rut_digits(const uint8_t *d, int n)
{
	int sum = 0;

	for (int i = 0; i < n - 1; i++)
		sum += d[n - 2 - i] * (2 + i % 6);
	return sum % 11 != 1 && (11 - sum % 11) % 11 == d[n - 1];
}

bool
check_uy_cedula(const uint8_t *d, int n)
{
	uint8_t eight[8] = {0};

	memcpy(eight + 8 - n, d, n);
	return (10 - weigh(eight, "BIHGFCD") % 10) % 10 == eight[7];
}

/* ---- Asia and Oceania ----------------------------------------------- */

bool
check_in_aadhaar(const uint8_t *d, int n)
{
	bool palindrome = true;

	for (int i = 0; i < 6; i++)
		palindrome = palindrome && d[i] == d[11 - i];
	return d[0] >= 2 && !palindrome && check_verhoeff(d, n);
}

bool
check_au_tfn(const uint8_t *d, int n)
{
	if (n == 8)
		return weigh(d, "JGHDFCEA") % 11 == 0 && !check_all_equal(d, n);
	return weigh(d, "ADCGEHFIJ") % 11 == 0 && !check_all_equal(d, n);
}

bool
check_au_abn(const uint8_t *d, int n)
{
	(void) n;
	return d[0] != 0 && (weigh(d, "JACEGIKMOQS") - 10) % 89 == 0;
}

bool
check_au_acn(const uint8_t *d, int n)
{
	return (10 - weigh(d, "HGFEDCBA") % 10) % 10 == d[8] &&
		   !check_all_equal(d, n);
}

bool
check_au_medicare(const uint8_t *d, int n)
{
	(void) n;
	return d[0] >= 2 && d[0] <= 6 && weigh(d, "ACGIACGI") % 10 == d[8];
}

bool
check_nz_ird(const uint8_t *d, int n)
{
	uint8_t nine[9] = {0};
	int check;

	memcpy(nine + 9 - n, d, n);
	if (number_of(nine, 9) < 10000000 || number_of(nine, 9) > 150000000)
		return false;
	check = (11 - weigh(nine, "CBGFEDCB") % 11) % 11;
	if (check == 10)
		check = (11 - weigh(nine, "GDCBEBGF") % 11) % 11;
	return check == nine[8];
}

bool
check_my_nric(const uint8_t *d, int n)
{
	long place = number_of(d + 6, 2);

	(void) n;
	return is_date(number_of(d + 2, 2), number_of(d + 4, 2)) && place >= 1 &&
		   place != 17 && place != 18 && place != 19 && place != 20 &&
		   !(place >= 69 && place <= 70) && place != 73 && place != 80 &&
		   place != 81 && !(place >= 94 && place <= 97);
}

bool
check_id_nik(const uint8_t *d, int n)
{
	long province = number_of(d, 2);
	long day = number_of(d + 6, 2);

	(void) n;
	return province >= 11 && province <= 96 &&
		   is_date(number_of(d + 8, 2), day > 40 ? day - 40 : day) &&
		   number_of(d + 12, 4) != 0;
}

bool
check_th_tnin(const uint8_t *d, int n)
{
	(void) n;
	return d[0] >= 1 && d[0] <= 8 &&
		   (11 - weigh(d, "MLKJIHGFEDCB") % 11) % 10 == d[12];
}

/* Numbers given out since October 2020 have no check digit. */
bool
check_kr_rrn(const uint8_t *d, int n)
{
	(void) n;
	return is_date(number_of(d + 2, 2), number_of(d + 4, 2));
}

bool
check_kr_brn(const uint8_t *d, int n)
{
	int sum = weigh(d, "ACGACGACE") + d[8] * 5 / 10;

	(void) n;
	return (10 - sum % 10) % 10 == d[9];
}

bool
check_jp_my_number(const uint8_t *d, int n)
{
	int rest = weigh(d, "FEDCBGFEDCB") % 11;

	(void) n;
	return !check_all_equal(d, n) && (rest <= 1 ? 0 : 11 - rest) == d[11];
}

bool
check_tw_ubn(const uint8_t *d, int n)
{
	static const char weights[] = "ABABABDA";
	int sum = 0;

	(void) n;
	for (int i = 0; i < 8; i++)
	{
		int product = d[i] * (weights[i] - 'A' + 1);

		sum += product / 10 + product % 10;
	}
	return number_of(d, 8) != 0 &&
		   (sum % 5 == 0 || (d[6] == 7 && (sum + 1) % 5 == 0));
}

bool
check_pk_cnic(const uint8_t *d, int n)
{
	(void) n;
	return d[0] >= 1 && d[0] <= 8 && d[12] != 0;
}

bool
check_il_id(const uint8_t *d, int n)
{
	return number_of(d, n) != 0 && check_luhn(d, n);
}

bool
check_tr_id(const uint8_t *d, int n)
{
	int odd = d[0] + d[2] + d[4] + d[6] + d[8];
	int even = d[1] + d[3] + d[5] + d[7];

	(void) n;
	return d[0] != 0 && ((odd * 7 - even) % 10 + 10) % 10 == d[9] &&
		   (odd + even + d[9]) % 10 == d[10];
}

bool
check_tr_tax(const uint8_t *d, int n)
{
	int sum = 0;

	(void) n;
	for (int i = 0; i < 9; i++)
	{
		int x = (d[i] + 9 - i) % 10;

		if (x != 0)
		{
			x = (x << (9 - i)) % 9;
			x = x == 0 ? 9 : x;
		}
		sum += x;
	}
	return (10 - sum % 10) % 10 == d[9];
}

bool
check_za_id(const uint8_t *d, int n)
{
	return is_date(number_of(d + 2, 2), number_of(d + 4, 2)) && d[10] <= 2 &&
		   check_luhn(d, n);
}

/* ---- devices -------------------------------------------------------- */

bool
check_imei(const uint8_t *d, int n)
{
	return !check_all_equal(d, n) && check_luhn(d, n);
}

bool
check_iccid(const uint8_t *d, int n)
{
	return d[0] == 8 && d[1] == 9 && check_luhn(d, n);
}

bool
check_imsi(const uint8_t *d, int n)
{
	long mcc = number_of(d, 3);

	(void) n;
	return (mcc >= 202 && mcc <= 750) || mcc == 901;
}
