/*-------------------------------------------------------------------------
 *
 * redact_check.h
 *		Check digits. Each function is told the digits (0 to 9, no
 *		separators) and their number, which the caller has checked to be one
 *		that the scheme allows.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_CHECK_H
#define INTEL_REDACT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

extern bool check_luhn(const uint8_t *d, int n);
extern bool check_all_equal(const uint8_t *d, int n);
/* Verhoeff's dihedral check, the last digit included. */
extern bool check_verhoeff(const uint8_t *d, int n);
/* ISO 7064 mod 11,10, the last digit included. */
extern bool check_mod11_10(const uint8_t *d, int n);

/* clang-format off */
/* National identifiers of digits only, by country; see redact_scheme.c. */
#define CHECK_NUMBERS(C) \
	C(us_ssn) C(us_itin) C(us_atin) C(us_ein) C(us_routing) C(us_npi) \
	C(ca_sin) C(uk_nhs) C(uk_utr) C(de_tax_id) C(de_lanr) C(at_svnr) \
	C(ch_ahv) C(fr_nir) C(fr_siret) C(es_social) C(nl_bsn) C(be_nn) \
	C(lu_matricule) C(pt_nif) C(pl_pesel) C(pl_nip) C(pl_regon) \
	C(se_person) C(se_org) C(dk_cpr) C(dk_cvr) C(no_fnr) C(no_org) \
	C(is_kennitala) C(baltic) C(lv_code) C(ro_cnp) C(ro_cui) C(bg_egn) \
	C(rodne_cislo) C(hu_tax) C(hu_taj) C(hr_oib) C(jmbg) C(gr_amka) \
	C(gr_afm) C(ua_rnokpp) C(ru_inn) C(ru_snils) C(br_cpf) C(br_cnpj) \
	C(ar_cuit) C(co_nit) C(pe_ruc) C(ec_cedula) C(uy_cedula) \
	C(in_aadhaar) C(au_tfn) C(au_abn) C(au_acn) C(au_medicare) \
	C(nz_ird) C(my_nric) C(id_nik) C(th_tnin) C(kr_rrn) C(kr_brn) \
	C(jp_my_number) C(tw_ubn) C(pk_cnic) C(il_id) C(tr_id) C(tr_tax) \
	C(za_id) C(imei) C(iccid) C(imsi) C(fi_business) C(cl_rut_digits)
#define C(name) extern bool check_##name(const uint8_t *d, int n);
/* clang-format on */
CHECK_NUMBERS(C)
#undef C

/* How sure the first digits and the length are a card's: 0, 1, 2 (16 digits). */
extern int check_card_range(const uint8_t *d, int n);

/*
 * ISO 7064 mod 97-10 over a rearranged account number: ASCII letters and
 * digits, country first. Also checks the country's length.
 */
extern bool check_iban(const uint8_t *text, int n);
/* The length of IBANs of a country (two capitals), or 0. */
extern int check_iban_length(uint8_t c1, uint8_t c2);

/* clang-format off */
/*
 * Codes of letters and digits: capitals, no separators. Their shape has been
 * checked by the caller.
 */
#define CHECK_CODES(C) \
	C(es_dni) C(es_nie) C(es_cif) C(it_fiscal_code) C(uk_nino) \
	C(uk_driving) C(ie_pps) C(fi_hetu) C(pt_cc) C(pl_id_card) \
	C(de_icao) C(de_social) C(de_kvnr) C(de_vat) C(at_uid) C(ch_uid) \
	C(fr_vat) C(fr_nir_corsica) C(nl_vat) C(be_vat) C(it_vat) \
	C(mx_curp) C(mx_rfc) C(cl_rut) C(ve_rif) C(in_pan) C(in_gstin) \
	C(sg_nric) C(sg_uen) C(tw_id) C(cn_resident) C(cn_credit) \
	C(nz_nhi) C(us_dea) C(us_mbi) C(vin) C(br_cnpj_alpha) C(swift) \
	C(uk_plate) C(in_plate)
#define C(name) extern bool check_##name(const uint8_t *c, int n);
/* clang-format on */
CHECK_CODES(C)
#undef C

/*
 * Machine-readable zones: the first two lines, each of n characters (30, 36 or
 * 44) out of A-Z, 0-9 and '<'. All check digits.
 */
extern bool check_mrz(const uint8_t *line1, const uint8_t *line2, int n);
/* Base58 with a checksum of four bytes (Bitcoin, Litecoin, Tron, XRP). */
extern bool check_base58(const uint8_t *c, int n, bool is_xrp);
/* Bech32 or bech32m, lower or upper case. */
extern bool check_bech32(const uint8_t *c, int n);
/* Forty hexadecimal digits of mixed case, EIP-55. */
extern bool check_eip55(const uint8_t *hex);
/* A GitHub or npm token: the last six characters are the CRC of the others. */
extern bool check_token_crc(const uint8_t *c, int n);

#endif /* INTEL_REDACT_CHECK_H */
