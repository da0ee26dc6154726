/*-------------------------------------------------------------------------
 *
 * redact_scheme.c
 *		Identifiers that are numbers: which lengths, how checked, how sure.
 *
 * A scheme's score has three steps: the bare digits, the digits grouped as
 * the country writes them, and with a word near that names the number. A
 * check digit that fails ends it; one that holds is not enough, since one
 * random number in ten passes it: bare digits count only where the check is
 * much stronger than that.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include "redact/redact_check.h"
#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"
#include "redact/redact_scheme.h"

typedef struct NumberScheme
{
	uint8_t digits;
	uint8_t entity;
	bool (*check)(const uint8_t *d, int n); /* NULL: none */
	uint8_t ctx;
	/* lengths of groups and separators between; '*': any one; '|': or */
	const char *shape;
	uint8_t plain; /* scores */
	uint8_t shaped;
	uint8_t near;
	const char *rule;
} NumberScheme;

#define S(digits, entity, check, ctx, shape, plain, shaped, near, rule)       \
	{                                                                         \
		digits, REDACT_##entity, check, REDACT_CTX_##ctx, shape, plain,       \
			shaped, near, rule                                                \
	}

static const NumberScheme schemes[] = {
	/* North America */
	S(9, US_ITIN, check_us_itin, ITIN, "3-2-4|3 2 4", 0, 70, 90, "us_itin"),
	S(9, US_ATIN, check_us_atin, ITIN, "3-2-4", 0, 65, 80, "us_atin"),
	S(9, US_EIN, check_us_ein, EIN, "2-7", 0, 0, 80, "us_ein"),
	S(9, US_BANK_ROUTING, check_us_routing, ROUTING, NULL, 0, 0, 90,
	  "us_routing"),
	S(10, US_NPI, check_us_npi, NPI, NULL, 0, 0, 90, "us_npi"),
	S(9, US_PASSPORT, NULL, PASSPORT, NULL, 0, 0, 65, "us_passport"),
	S(9, CA_SIN, check_ca_sin, SIN, "3-3-3|3 3 3", 0, 55, 90, "ca_sin"),
	S(10, CA_HEALTH_NUMBER, check_luhn, HEALTH, "4-3-3|4 3 3", 0, 0, 80,
	  "ca_health"),
	/* British Isles */
	S(10, UK_NHS, check_uk_nhs, NHS, "3-3-4|3 3 4", 0, 60, 90, "uk_nhs"),
	S(10, UK_UTR, check_uk_utr, UTR, "5 5", 0, 0, 90, "uk_utr"),
	S(6, UK_SORT_CODE, NULL, SORTCODE, "2-2-2|2 2 2", 0, 0, 80,
	  "uk_sort_code"),
	S(9, UK_PASSPORT, NULL, PASSPORT, NULL, 0, 0, 64, "uk_passport"),
	/* German-speaking */
	S(11, DE_TAX_ID, check_de_tax_id, DETAX, "2 3 3 3|2*3*3*3", 0, 60, 90,
	  "de_tax_id"),
	S(10, DE_TAX_NUMBER, NULL, DETAX, "2/3/5|3/3/4", 0, 0, 75,
	  "de_tax_number"),
	S(11, DE_TAX_NUMBER, NULL, DETAX, "3/4/4|3/3/5", 0, 50, 70,
	  "de_tax_number"),
	S(13, DE_TAX_NUMBER, NULL, DETAX, NULL, 0, 0, 70, "de_tax_number"),
	S(9, DE_LANR, check_de_lanr, LANR, NULL, 0, 0, 85, "de_lanr"),
	S(9, DE_BSNR, NULL, BSNR, NULL, 0, 0, 75, "de_bsnr"),
	S(10, AT_SVNR, check_at_svnr, ATSV, "4 6", 0, 60, 90, "at_svnr"),
	S(13, CH_AHV, check_ch_ahv, AHV, "3.4.4.2|3 4 4 2", 85, 97, 98, "ch_ahv"),
	/* France, Iberia, Italy, Benelux */
	S(15, FR_NIR, check_fr_nir, NIR, "1*2*2*2*3*3*2|13*2", 65, 95, 98,
	  "fr_nir"),
	S(9, FR_SIREN, check_luhn, SIREN, "3 3 3", 0, 0, 85, "fr_siren"),
	S(14, FR_SIRET, check_fr_siret, SIREN, "3 3 3 5", 0, 80, 90, "fr_siret"),
	S(12, ES_SOCIAL_SECURITY, check_es_social, ESSS, "2*8*2|2*10", 0, 75, 90,
	  "es_social"),
	S(11, IT_VAT_CODE, check_luhn, ITVAT, NULL, 0, 0, 85, "it_vat"),
	S(9, PT_NIF, check_pt_nif, PTNIF, "3 3 3", 0, 0, 85, "pt_nif"),
	S(9, NL_BSN, check_nl_bsn, BSN, "4.2.3|3 3 3", 0, 50, 90, "nl_bsn"),
	S(8, NL_BSN, check_nl_bsn, BSN, NULL, 0, 0, 80, "nl_bsn"),
	S(11, BE_NATIONAL_NUMBER, check_be_nn, BENN,
	  "2.2.2-3.2|2.2.2-3 2|6-3-2|2*2*2*3*2", 0, 90, 95, "be_nn"),
	S(13, LU_MATRICULE, check_lu_matricule, LUMAT, "8 5|4 2 2 5", 60, 80, 95,
	  "lu_matricule"),
	/* Poland, Nordics, Baltics */
	S(11, PL_PESEL, check_pl_pesel, PESEL, NULL, 0, 0, 92, "pl_pesel"),
	S(10, PL_NIP, check_pl_nip, NIP, "3-3-2-2|3-2-2-3", 0, 75, 90, "pl_nip"),
	S(9, PL_REGON, check_pl_regon, REGON, NULL, 0, 0, 88, "pl_regon"),
	S(14, PL_REGON, check_pl_regon, REGON, NULL, 0, 0, 90, "pl_regon"),
	S(10, SE_PERSONNUMMER, check_se_person, SEPN, "6-4", 0, 65, 92,
	  "se_personnummer"),
	S(12, SE_PERSONNUMMER, check_se_person, SEPN, "8-4", 0, 80, 95,
	  "se_personnummer"),
	S(10, SE_ORGANISATIONSNUMMER, check_se_org, ORGNR, "6-4", 0, 0, 85,
	  "se_orgnr"),
	S(10, DK_CPR, check_dk_cpr, CPR, "6-4", 0, 50, 85, "dk_cpr"),
	S(8, DK_CVR, check_dk_cvr, CVR, "2 2 2 2", 0, 0, 85, "dk_cvr"),
	S(11, NO_FODSELSNUMMER, check_no_fnr, FNR, "6 5", 0, 80, 95, "no_fnr"),
	S(9, NO_ORGANISASJONSNUMMER, check_no_org, ORGNR, "3 3 3", 0, 50, 85,
	  "no_orgnr"),
	S(10, IS_KENNITALA, check_is_kennitala, KENNITALA, "6-4", 0, 66, 92,
	  "is_kennitala"),
	S(8, FI_BUSINESS_ID, check_fi_business, YTUNNUS, "7-1", 0, 75, 88,
	  "fi_business_id"),
	S(11, EE_ISIKUKOOD, check_baltic, ISIKUKOOD, NULL, 0, 0, 92,
	  "ee_isikukood"),
	S(11, LT_ASMENS_KODAS, check_baltic, ASMENS, NULL, 0, 0, 92,
	  "lt_asmens_kodas"),
	S(11, LV_PERSONAS_KODS, check_lv_code, PERSONAS, "6-5", 0, 60, 90,
	  "lv_personas_kods"),
	/* central and eastern Europe */
	S(13, RO_CNP, check_ro_cnp, CNP, NULL, 55, 0, 95, "ro_cnp"),
	S(8, RO_CUI, check_ro_cui, CUI, NULL, 0, 0, 85, "ro_cui"),
	S(10, BG_EGN, check_bg_egn, EGN, NULL, 0, 0, 90, "bg_egn"),
	S(10, CZ_RODNE_CISLO, check_rodne_cislo, RODNE, "6/4", 0, 85, 92,
	  "cz_rodne_cislo"),
	S(9, CZ_RODNE_CISLO, check_rodne_cislo, RODNE, "6/3", 0, 60, 75,
	  "cz_rodne_cislo"),
	S(10, SK_RODNE_CISLO, check_rodne_cislo, RODNESK, "6/4", 0, 84, 93,
	  "sk_rodne_cislo"),
	S(10, HU_TAX_ID, check_hu_tax, HUTAX, NULL, 0, 0, 90, "hu_tax_id"),
	S(9, HU_TAJ, check_hu_taj, TAJ, "3 3 3|3-3-3", 0, 50, 90, "hu_taj"),
	S(11, HR_OIB, check_hr_oib, OIB, NULL, 0, 0, 92, "hr_oib"),
	S(13, SI_EMSO, check_jmbg, EMSO, NULL, 0, 0, 95, "si_emso"),
	S(13, RS_JMBG, check_jmbg, JMBG, NULL, 55, 0, 94, "rs_jmbg"),
	S(11, GR_AMKA, check_gr_amka, AMKA, NULL, 0, 0, 92, "gr_amka"),
	S(9, GR_AFM, check_gr_afm, AFM, NULL, 0, 0, 88, "gr_afm"),
	S(10, UA_RNOKPP, check_ua_rnokpp, RNOKPP, NULL, 0, 0, 88, "ua_rnokpp"),
	S(10, RU_INN, check_ru_inn, INN, NULL, 0, 0, 88, "ru_inn"),
	S(12, RU_INN, check_ru_inn, INN, NULL, 0, 0, 92, "ru_inn"),
	S(11, RU_SNILS, check_ru_snils, SNILS, "3-3-3 2|3-3-3-2", 0, 92, 95,
	  "ru_snils"),
	/* Latin America */
	S(11, BR_CPF, check_br_cpf, CPF, "3.3.3-2|3 3 3 2", 0, 95, 97, "br_cpf"),
	S(14, BR_CNPJ, check_br_cnpj, CNPJ, "2.3.3/4-2", 0, 95, 97, "br_cnpj"),
	S(11, AR_CUIT, check_ar_cuit, CUIT, "2-8-1|2 8 1", 0, 85, 92, "ar_cuit"),
	S(8, CL_RUT, check_cl_rut_digits, RUT, "1.3.3-1|7-1", 0, 70, 88, "cl_rut"),
	S(9, CL_RUT, check_cl_rut_digits, RUT, "2.3.3-1|8-1", 0, 75, 90, "cl_rut"),
	S(9, CO_NIT, check_co_nit, NIT, "8-1", 0, 0, 85, "co_nit"),
	S(10, CO_NIT, check_co_nit, NIT, "9-1|3.3.3-1", 0, 60, 88, "co_nit"),
	S(11, PE_RUC, check_pe_ruc, RUC, NULL, 0, 0, 88, "pe_ruc"),
	S(10, EC_CEDULA, check_ec_cedula, CEDULA, "9-1", 0, 60, 88, "ec_cedula"),
	S(8, UY_CEDULA, check_uy_cedula, CEDULA, "1.3.3-1", 0, 85, 85,
	  "uy_cedula"),
	/* Asia, Oceania, Africa */
	S(12, IN_AADHAAR, check_in_aadhaar, AADHAAR, "4 4 4|4-4-4", 0, 62, 92,
	  "in_aadhaar"),
	S(9, AU_TFN, check_au_tfn, TFN, "3 3 3", 0, 45, 90, "au_tfn"),
	S(8, AU_TFN, check_au_tfn, TFN, NULL, 0, 0, 85, "au_tfn"),
	S(11, AU_ABN, check_au_abn, ABN, "2 3 3 3", 0, 80, 92, "au_abn"),
	S(9, AU_ACN, check_au_acn, ACN, "3 3 3", 0, 44, 88, "au_acn"),
	S(10, AU_MEDICARE, check_au_medicare, HEALTH, "4 5 1", 0, 75, 85,
	  "au_medicare"),
	S(11, AU_MEDICARE, check_au_medicare, HEALTH, "4 5 1 1|4 5 1/1", 0, 75, 85,
	  "au_medicare"),
	S(8, NZ_IRD, check_nz_ird, IRD, "2-3-3", 0, 50, 85, "nz_ird"),
	S(9, NZ_IRD, check_nz_ird, IRD, "3-3-3", 0, 55, 88, "nz_ird"),
	S(12, MY_NRIC, check_my_nric, MYKAD, "6-2-4", 0, 70, 85, "my_nric"),
	S(16, ID_NIK, check_id_nik, NIK, NULL, 0, 0, 88, "id_nik"),
	S(13, TH_TNIN, check_th_tnin, THAI, "1-4-5-2-1|1 4 5 2 1", 0, 92, 92,
	  "th_tnin"),
	S(9, PH_TIN, NULL, TAXID, "3-3-3", 0, 0, 60, "ph_tin"),
	S(12, PH_TIN, NULL, TAXID, "3-3-3-3", 0, 0, 70, "ph_tin"),
	S(13, KR_RRN, check_kr_rrn, RRN, "6-7", 0, 80, 92, "kr_rrn"),
	S(13, KR_FRN, check_kr_rrn, FRN, "6-7", 0, 79, 93, "kr_frn"),
	S(10, KR_BRN, check_kr_brn, BRN, "3-2-5", 0, 80, 90, "kr_brn"),
	S(12, KR_DRIVER_LICENSE, NULL, DRIVER, "2-2-6-2", 0, 70, 80, "kr_driver"),
	S(12, JP_MY_NUMBER, check_jp_my_number, MYNUMBER, "4-4-4|4 4 4", 0, 0, 90,
	  "jp_my_number"),
	S(8, TW_UBN, check_tw_ubn, UBN, NULL, 0, 0, 80, "tw_ubn"),
	S(13, PK_CNIC, check_pk_cnic, CNIC, "5-7-1", 0, 80, 85, "pk_cnic"),
	S(9, IL_ID, check_il_id, TEUDAT, NULL, 0, 0, 85, "il_id"),
	S(11, TR_NATIONAL_ID, check_tr_id, TCKN, NULL, 0, 0, 95, "tr_national_id"),
	S(10, TR_TAX_NUMBER, check_tr_tax, VKN, NULL, 0, 0, 88, "tr_tax_number"),
	S(13, ZA_ID_NUMBER, check_za_id, ZAID, "6 4 3|6 4 2 1", 0, 70, 90,
	  "za_id"),
	S(11, NG_NIN, NULL, NIN, NULL, 0, 0, 75, "ng_nin"),
	/* devices */
	S(15, IMEI, check_imei, IMEI, "2-6-6-1|6-2-6-1|2 6 6 1|8-6-1", 0, 80, 90,
	  "imei"),
	S(15, IMSI, check_imsi, IMSI, NULL, 0, 0, 80, "imsi"),
	S(19, ICCID, check_iccid, ICCID, NULL, 55, 0, 90, "iccid"),
	S(20, ICCID, check_iccid, ICCID, NULL, 60, 0, 90, "iccid"),
	/* bank and customer numbers: nothing but the words around them */
	S(9, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
	S(10, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
	S(11, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
	S(12, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
	S(13, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
	S(14, NATIONAL_ID, NULL, NATID, NULL, 0, 0, 55, "national_id"),
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* Numbers of any length in a range, known by the words near them alone. */
static const struct
{
	uint8_t min;
	uint8_t max;
	uint8_t entity;
	uint8_t ctx;
	uint8_t score;
	const char *rule;
} by_words[] = {
	{7, 14, REDACT_US_DRIVER_LICENSE, REDACT_CTX_DRIVER, 62, "driver_license"},
	{8, 17, REDACT_US_BANK_NUMBER, REDACT_CTX_BANKNO, 58, "bank_account"},
	{5, 12, REDACT_MEDICAL_RECORD, REDACT_CTX_MRN, 70, "medical_record"},
	{5, 12, REDACT_CUSTOMER_NUMBER, REDACT_CTX_CUSTOMER, 56,
	 "customer_number"},
	{7, 10, REDACT_PASSPORT, REDACT_CTX_PASSPORT, 60, "passport"},
};

/* The length of the group that a shape has at *p; *p is behind it. */
static int
shape_group(const char **p)
{
	int len = 0;

	while (**p >= '0' && **p <= '9')
		len = len * 10 + (*(*p)++ - '0');
	return len;
}

void
redact_index_numbers(RedactIndex *index)
{
	_Static_assert(NSCHEMES <= REDACT_MAX_SCHEMES, "more schemes than places");

	for (size_t i = NSCHEMES; i-- > 0;)
	{
		const char *shape = schemes[i].shape;

		uint8_t n = schemes[i].digits;

		redact_chain(&index->numbers, i, n);
		redact_ctx_add(&index->words[n], schemes[i].ctx);
		index->plain[n] = index->plain[n] || schemes[i].plain > 0;
		for (const char *p = shape; p != NULL && *p != '\0'; p++)
		{
			int first;
			int second;

			if (p > shape && p[-1] != '|')
				continue;
			first = shape_group(&p);
			p++;
			second = shape_group(&p);
			index->first_group[i] |= 1u << first;
			index->second_groups[n][first] |= 1u << second;
			if (*p == '\0')
				break;
		}
	}
	for (size_t i = 0; i < sizeof(by_words) / sizeof(by_words[0]); i++)
		redact_ctx_add(&index->number_words, by_words[i].ctx);
}

/* Do the first n groups have one of the shapes? */
bool
redact_number_shape(const RedactNumber *number, int n, const char *shape)
{
	while (shape != NULL && *shape != '\0')
	{
		const char *p = shape;
		int g = 0;
		bool fits = true;

		while (fits && *p >= '0' && *p <= '9')
		{
			int len = shape_group(&p);

			fits = g < n && number->groups[g].len == len;
			if (fits && *p != '|' && *p != '\0')
			{
				uint8_t sep = number->groups[g].sep;

				fits = *p == '*' ? sep == ' ' || sep == '-' || sep == '.' ||
									   sep == '/'
								 : sep == (uint8_t) *p;
				p++;
			}
			g++;
		}
		if (fits && g == n)
			return true;
		while (*p != '|' && *p != '\0')
			p++;
		shape = *p == '|' ? p + 1 : NULL;
	}
	return false;
}

void
redact_number_schemes(RedactScanner *s, const RedactNumber *number, int n,
					  const RedactCtx *ctx, NumberBest *best)
{
	const NumberGroup *last = &number->groups[n - 1];
	int total = last->first + last->len;
	bool generic = redact_ctx_has(ctx, REDACT_CTX_NATID) ||
				   redact_ctx_has(ctx, REDACT_CTX_TAXID);
	bool negative = redact_ctx_has(ctx, REDACT_CTX_NEGATIVE);
	uint32_t first = 1u << number->groups[0].len;
	bool plain_seps = true;
	int i = s->index.numbers.first[total];

	/* most numbers are of no scheme's form, with no scheme's word near */
	if (!redact_ctx_meets(ctx, &s->index.words[total]) &&
		(n == 1 ? !generic && !s->index.plain[total]
				: !(s->index.second_groups[total][number->groups[0].len] >>
						number->groups[1].len &
					1)))
		i = 0;
	for (int g = 0; g + 1 < n; g++)
		plain_seps = plain_seps && number->groups[g].sep != '~' &&
					 number->groups[g].sep != '=';

	for (; i > 0; i = s->index.numbers.next[i - 1])
	{
		const NumberScheme *scheme = &schemes[i - 1];
		bool near = redact_ctx_has(ctx, scheme->ctx);
		bool shaped;
		int score;

		/* of no worth without a word, or written in groups of its own */
		if (!near && (n == 1 ? scheme->plain == 0 && !generic
							 : !(s->index.first_group[i - 1] & first)))
			continue;
		shaped = n > 1 && redact_number_shape(number, n, scheme->shape);
		/* digits in other groups than the country's are something else */
		if (n > 1 && !shaped &&
			!(near && (scheme->check != NULL || plain_seps)))
			continue;
		score = near ? scheme->near : shaped ? scheme->shaped : scheme->plain;
		if (!near && generic && scheme->check != NULL && score < 57)
			score = n == 1 || shaped ? 57 : score;
		if (!near && negative)
			score -= 15;
		if (score <= best->score ||
			score < s->profile->min_score[scheme->entity])
			continue;
		if (scheme->check == NULL || scheme->check(number->digits, total))
			redact_consider(s, best, scheme->entity, score, last->end,
							scheme->rule);
	}
	if (!plain_seps || !redact_ctx_meets(ctx, &s->index.number_words))
		return;
	for (size_t i = 0; i < sizeof(by_words) / sizeof(by_words[0]); i++)
	{
		if (total < by_words[i].min || total > by_words[i].max ||
			!redact_ctx_has(ctx, by_words[i].ctx))
			continue;
		redact_consider(s, best, by_words[i].entity, by_words[i].score,
						last->end, by_words[i].rule);
	}
}

RedactChecked
redact_number_checked(int entity, const uint8_t *c, int n,
					  const char **pattern)
{
	uint8_t d[NUMBER_DIGITS];
	RedactChecked result = REDACT_CHECK_NONE;

	*pattern = NULL;
	if (n > NUMBER_DIGITS)
		return REDACT_CHECK_NONE;
	for (int i = 0; i < n; i++)
	{
		if (c[i] < '0' || c[i] > '9')
			return REDACT_CHECK_NONE;
		d[i] = c[i] - '0';
	}
	for (size_t i = 0; i < NSCHEMES; i++)
	{
		const NumberScheme *scheme = &schemes[i];

		if (scheme->digits != n ||
			(entity >= 0 ? scheme->entity != entity : scheme->check == NULL))
			continue;
		if (scheme->check == NULL)
			return REDACT_CHECK_OPEN;
		if (scheme->check(d, n))
			result = REDACT_CHECK_HOLDS;
		else if (result == REDACT_CHECK_NONE)
			result = REDACT_CHECK_FAILS;
	}
	if (entity < 0 && check_luhn(d, n) && check_card_range(d, n) > 0)
		result = REDACT_CHECK_HOLDS;
	return result;
}

void
redact_number_count(RedactEntity entity, int *count, int *open)
{
	for (size_t i = 0; i < NSCHEMES; i++)
	{
		*count += schemes[i].entity == entity;
		*open += schemes[i].entity == entity && schemes[i].check == NULL;
	}
}

bool
redact_always_checked(RedactEntity entity)
{
	int count = 0;
	int open = 0;

	redact_number_count(entity, &count, &open);
	redact_code_count(entity, &count, &open);
	for (size_t i = 0; i < sizeof(by_words) / sizeof(by_words[0]); i++)
		open += by_words[i].entity == entity;
	return count > 0 && open == 0;
}
