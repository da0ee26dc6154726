/*-------------------------------------------------------------------------
 *
 * llm_builtin_idf.h
 *		Stems of common English words by how rare they are.
 *
 * Line n holds the stems that one of exp(n / 8) passages has. Written by
 * test/bench/builtin_tables.py; only llm_builtin_text.c includes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_IDF_H
#define INTEL_LLM_BUILTIN_IDF_H

#define IDF_LISTED 4000 /* words */

/* clang-format off */
static const char *const idf_stems[] = {
	/* 0 */
	"the",
	/* 1 */
	"a and to of in is for",
	/* 2 */
	"that be this are",
	/* 3 */
	"it with as by or on not",
	/* 4 */
	"if",
	/* 5 */
	"from an can",
	/* 6 */
	"will all when which hav at",
	/* 7 */
	"but use fil",
	/* 8 */
	"used other only was",
	/* 9 */
	"see nam ther mor any also has may no so",
	/* 10 */
	"then each set thes do exampl version som",
	/* 11 */
	"tim your you one new their into should what using its must "
	"we chang up first sam",
	/* 12 */
	"mak about them lik than creat wer list how call such two "
	"valu",
	/* 13 */
	"been default follow work system had packag wher would number need many "
	"they out contain requir doe most user includ option run",
	/* 14 */
	"after cas allow provid way modul add lin support command befor directory "
	"get server availabl informat sourc now",
	/* 15 */
	"her return non next specify without configurat even part writ different debian "
	"funct program",
	/* 16 */
	"said read e pag c could sinc start updat data stat just "
	"under mod find bas mad object current over between http process both "
	"typ content detail tak check com another instead becaus order result",
	/* 17 */
	"last thos very error back format cod argu end index show through "
	"request well install she control git exist look want long tabl who "
	"documentat being i alway etc sect",
	/* 18 */
	"either plac three string shar whil stor point access know word however "
	"hom found peopl usual might s still local abov standard path operat "
	"directiv method below defin remov mean",
	/* 19 */
	"specific singl him possibl every right much variabl good report down describ "
	"help script did descript sqlit my databas form docu own config second "
	"old bug configur giv off test given status too messag go client",
	/* 20 */
	"small generat our onc softwar enabl interfac later context handl common field "
	"pass except previous syntax thing tru build match binary littl manual parameter "
	"already dur open tree applicat commit virtual often host several text problem "
	"don log output group man search character apply put caus again direct "
	"try releas",
	/* 21 */
	"connect why particular x water keep never around left languag important library "
	"additional apach day siz key featur automatic address modify larg whether tool "
	"link tell servic n separat g replac extension head via fail html "
	"environ main multipl referenc",
	/* 22 */
	"usr licens d until class general me think few python header depend "
	"complet optional against level behavior full entry say consider policy rather itself "
	"real rul issu byt locat sid within select b per actual indicat "
	"similar ask send clos someth spac let window year org limit memory "
	"accept choos useful network cam avoid",
	/* 23 */
	"r manag distribut abl together purpos zero special present us compil normal "
	"better correspond machin dat copy download away hand otherwis execut ignor query "
	"simpl delet free t repository email hard administrator mov great pleas instanc "
	"though sur top along necessary enough turn going upgrad",
	/* 24 */
	"original best becom root determin sit big world impl went whos stop "
	"column security cach bit thus various high fast kind built cannot maintainer "
	"least step merg whol final perform null quest respons receiv recommend occur "
	"dpkg filenam branch disabl men",
	/* 25 */
	"flag o record protocol effect empty sent copyright appropriat develop invok across "
	"exact els project url devic installat httpd expression begin attribut almost four "
	"integer structur car leav overrid implementat everyth encod air attempt cor ensur "
	"manager load password anyth action changelog sound reason correct unless refer remot "
	"rais certain fix compatibility internal answer relat children basic sql explicit far "
	"body known www thought account affect history liv",
	/* 26 */
	"forc en disk written performanc term saw prevent dependency compar entir expect "
	"miss less patch web comment fact archiv input restrict filesystem mail topic "
	"futur prev computer represent claus print happen parent amount differenc public alternativ "
	"display event filter probab id rang involv design produc unix simp lif "
	"noth member linux continu appear map hous f resourc p conflict upon "
	"ever lib associat port pattern fals soon author seen school sign near "
	"therefor got info",
	/* 27 */
	"int target food m quit prepar took lead dont addit faq serv "
	"total explain land feet clear accord doc valid study country identify maintain "
	"collect import boy item tag var learn nor lot animal kernel light "
	"foundat cover block began handler remain assum task equivalent insert short although "
	"initial omit view improv doesnt especial shell fr longer power further bin "
	"blob api upstream earth hour interest recent choic individual wait quick themselv "
	"navigat condit fami",
	/* 28 */
	"pictur story night job told cours he prefix architectur mother play row "
	"regular sitemap easy today track book whit father thread yes push glossary "
	"pars week warn sequenc ref static login conf company os neither menu "
	"toward paper fiv month sentenc diff treat third forward sun edit gam "
	"developer letter lock cut sav subdirectory sort friend team review privat foo "
	"room mark practic pragma fac knew young authenticat red l among usag "
	"sometim hold detect ip someon suit wish",
	/* 29 */
	"regard hear insid dir proxy approach ssl outsid plan heard extra operator "
	"dynamic websit relativ intend builtin min init drop declar mechanism join suggest "
	"pointer am hello perhap sea situat register imag area decid enter broken "
	"city wid money increas reduc yourself offer convert understand successful keyword ok "
	"hash element h yet thank re cost himself contact count saf notic "
	"deal morn ment govern subject act potential achiev driv domain his door "
	"ship discuss symbolic benefit fetch october wrong y business definit significant product",
	/* 30 */
	"exit screen eye constraint law reply attack extend chapter older early major "
	"shown dev difficult lat stag lang length vs color pull independent slow "
	"apt idea stabl reliabl styl bar introduc permission platform finish assign card "
	"mayb fall boot reach party specificat trigger offic protect former component bring "
	"community matter runtim pack cancel figur lost append lov summary master whom "
	"low session immediat identifier deprecat concern fill respectiv hook media welcom taken "
	"app foreign debug typic discover perl",
	/* 31 */
	"relevant pre official prior priority alon buffer obtain py external schema constant "
	"permit phon browser beyond break behind cgi myself reset global essential pay "
	"decision charg consist sery utc prefer renam customer physical rewrit deliver establish "
	"delivery uniqu due allocat hi rest staff u pick clean v maximum "
	"uri doing sorry carry daemon custom dear attach proper switch ready subscript "
	"goal sincer primary property owner human revision risk combin resolv temporary announc "
	"activity deb recogniz renew routin interpret confirm rol",
	/* 32 */
	"unpack commandlin relationship posit focus contribut subsequent evaluat verify pric effort cultur "
	"sys socket char certificat enhanc bill click paid skip whitespac credit august "
	"quot cancell auto utf complex bank fin sens algorithm tcl payment april "
	"transact button arbitrary executabl tip multi setup mobil earlier half success modern "
	"agree db origin arg gnu invoic refund sub july storag secur trial "
	"imply chanc worker supp communicat measur debit literal jun modificat traditional functionality "
	"unit abort central grow extract equal front attent callback frequent catch period "
	"feedback arriv substitut optimizat parcel integrat factor experienc claim shop alia revers "
	"positiv utility march model parser translat split quality stream latter",
	/* 33 */
	"despit november guess january person ascii september hostnam february sunday rfc activ "
	"challeng december expr remember matrix upload compatibl desir stand clon def monday "
	"encrypt believ backward meet pair piec minut failur hop self interpreter yesterday "
	"solut bind blu internet redirect kill satisfy introduct board editor max backup "
	"seem hit organizat center offset friday loss tuesday discussion coupl thursday tomorrow "
	"terminat wednesday numeric middl comput saturday signatur past fully strategy personal synopsis "
	"hierarchy bsd tupl corrupt exclud isnt w impact black unlik arch instruct "
	"rely easier campaign initializ convent interactiv",
	/* 34 */
	"ko restart construct str post legal popular loop deep comparison absolut edg "
	"populat readon src symlink strong advanc feel easi degree respond mind compiletim "
	"hardwar beautiful born conferenc draw partit strict array graphical pretty advantag fir "
	"checklist void natural indeed z scop brown comma scan combinat buy compress "
	"forget mount symbol brother partial expert blood child reflect hot cup boolean "
	"terminal possib walk citizen dictionary higher educat cd cold mirror career usernam "
	"defens eight provider signal century ja plain transfer backend representat nic knowledg "
	"chain escap customiz mim trac readabl float stay natur majority th export "
	"church civil timeout debat",
	/* 35 */
	"preced removal checkout fly serious colleg faster alternat legacy tmp overwrit dark "
	"alter xml seek employee greater hat opportunity court hug everybody crim evidenc "
	"dead death decad prompt phas controll sbin templat daughter auth nativ eat "
	"capability elect east const energy trust interact dns exec embed economic minimum "
	"fight dog floor financial regardless pathnam hundr ftp distinct vary green recursiv "
	"maintenanc dinner henc tend ssh behav happy moment preserv lie diseas doctor "
	"dream retriev resolut fund speak enjoy drug efficient differ economy hang vfs "
	"accessibl desktop rat tr nonzero chosen installer doubl imagin heavy effectiv finger "
	"opposit tls region leader generic growth fear",
	/* 36 */
	"txt minimal fish win newlin unknown procedur negativ suffix heart op film "
	"q player raw federal makefil health recip latest market ground poor kept "
	"firm collat k overridden engin plus experimental larger digit foot million dedicat "
	"rational manipulat reserv namespac opt automat pip metadata gz talk sh newer "
	"startup random rac guy lower stack unicod stuff grant garden concept gas "
	"thousand reader heat restor reject girl glass technology hair prov bugfix gun "
	"visit speed minor reveal belong invocat hotel progress lookup activat conversion throw "
	"worry watch herself inherit reality ap suppos hospital macro sha invest submodul "
	"posix subsystem theory de throughout awar institut lay husband variant deny industry "
	"inspect whenever temp rar trail kid weight helper necessari realiz authorizat reus",
	/* 37 */
	"mission layer scor six lawyer whatever ca kitchen generator bound incorrect interview "
	"laugh driver journal schem scienc react technical abstract medical depth suitabl movi "
	"openssl rev unchang slash ls leg stdin corporat validat oil spend seven "
	"magazin struct paint rich partner glob transport env star radio marriag ten "
	"pool fhs aggregat guid dict music dependent social profit wildcard north national "
	"smaller exclusiv military obvious careful historical patient publish dot tab somebody encounter "
	"listen implicit fram optimiz logic invalid discard suffer nation research monitor destinat "
	"compiler donat explanat scen ability newspaper express consol initializat limitat dump expand "
	"sell agent consult token malloc officer precedenc encourag tcp container pain strip "
	"decimal io respect frontend profil repeat meta political peac cant reboot considerat "
	"wall polic net repo tar stdout pressur echo es",
	/* 38 */
	"toplevel gnom nonprofit sufficient negotiat crash shot slight plant guarantee skill cat "
	"critical bad deriv analyz cron troubl adjust typical president hint refus professor "
	"meant virtualhost reachabl titl semantic verbos descriptor spec annotat enclos lack train "
	"undefin expir simplify schedul student rock truth road writabl scientist religious obsolet "
	"compression surfac ris busy shak wont seat overview trad decod consistent util "
	"btree volum truncat opcod cross co son identical fork calculat sex tutorial "
	"wonder magic season spring logical stanza dh shoulder blank contributor trip php "
	"identity unstabl unset sensitiv wiki abc sport senior possibility threat queu analysis "
	"nest fit cmd shoot expos society goe readm cpu victim administrat south "
	"label incremental checksum tv localhost sister",
	/* 39 */
	"silent colon song stock wrapper skin teach smil soldier sampl propos parallel "
	"layout duplicat sudden speech graph voic retain incom manner wrap travel street "
	"background summer systemd checkin migrat newly flush war tax caller traffic vot "
	"adapt incompatibl television west deploy subset atomic teacher ordinary round town arrang "
	"regex suppress devel caut category wind recover apr interrupt timestamp tough tonight "
	"purg integrity packet temporari gpl sync wear wif statistic basis pend mutex "
	"vendor privileg woman stderr violenc examin weapon responsibl enforc principl facility wood "
	"separator anyon yard ancestor isolat compilat ticket iso mix multiprocess violat consum",
	/* 40 */
	"nul persistent assert font visibl circumstanc counter uid solv nod gain techniqu "
	"precis heap confus yield distinguish compromis chunk canonical noop convenient gzip obj "
	"brows usabl msg presenc simultaneous infrastructur reasonabl touch corp rewritten pur passwd "
	"postfix upper smtp miscellaneous comp cert microsoft cooki flexibl cycl consensus cli "
	"prepend delay rc digest unfortunat convenienc rout aspect rom compound brief servernam "
	"alias detach furthermor guidelin firewall notify compliant spool preferenc ed concurrent thirdparty "
	"unsign emit mailbox guaranteed chronology pid availability mac gc proceed exceed iterator "
	"grep",
	/* 41 */
	"iterat howto shlib entity permanent srv fcntl mer zip checkpoint sol framework "
	"rsa submit appendix hidden authoriz complicat snapshot abbreviat eventual wherea arent json "
	"ch mistak boundary quiet concret len qualify mandatory asynchronous ext ahead approximat "
	"contenttyp recovery ids processor se onto onlin cdrom notat concatenat cn union "
	"demand conditional pager async delta coordinat absenc attacker authority subprocess datetim apis "
	"committer loader english idl unnecessary credential revert primari divid misc shutdown emulator "
	"hid criteria swap j gateway slot launch indent gather finaliz lf administrativ "
	"overflow illustrat held vhost printf scenario exchang consequenc simplest cursor delegat",
	/* 42 */
	"youll le daily conjunct impossibl rebuild recommendat changeset perfect contrib unus acknowledg "
	"fortunat unusual behaviour feed nfs los acceptabl admin repack aris insensitiv accomplish "
	"declarat roll verbatim pem hex acquir subcommand synonym documentroot anonymous obscur threadsaf "
	"trivial charset pl unabl width hexadecimal orig compos usb proposal rotat helpful "
	"spam bundl secret func exe bypass audit fallback overall forth bash retry "
	"al coroutin vocabulary ex demonstrat rough applicabl curs expensiv operand indirect inner "
	"keyboard historic vulnerability comprehensiv redistribut occurrenc unlock",
	/* 43 */
	"numerous serializ righthand succeed inclusion cc shadow cleanup responsibility clarify incr flexibility "
	"lowlevel outer math simpler existenc video mmap ssi graceful ne super linker "
	"ast aim epoch programmer notab verificat normaliz del backslash according paragraph addr "
	"sum ish gcc overlap argv denot met pseudo conform captur functional cgibin "
	"ownership transit organiz remainder reconfigur incorporat emac parenthes jump theyr zon candidat "
	"cipher worth highlight payload iter emulat commercial unspecify twic handshak anywher largest "
	"phras num unexpect baz elsewher tun advertis bracket channel",
	/* 44 */
	"auxiliary defer proc subtyp caseinsensitiv printer st scratch gid confusion diagram aptget "
	"age machinery zlib youv facilitat attr fold occasional ng resid gb uuid "
	"regression gif configurabl xz spars overwritten complexity linear garbag destroy powerful spawn "
	"hardcod apart overhead precision evolv modifier writer loadabl impos problematic averag inet "
	"gpg refresh cooky expansion inc lowercas triplet desirabl multilin standalon variety logger "
	"soft afterward balanc endian simulat backport useragent graphic leak md raphael loadmodul "
	"authnam authtyp pkg likewis reload cast codec transform authorizer reconstruct underscor characteristic "
	"inlin await undo multithread allowoverrid inmemory slic universal warranty desc userdefin extrem "
	"con allocator favor deterministic shall pop enum alongsid specializ render standardiz positional "
	"spell dn contrast vcs trailer travers medium cvs",
	/* 45 */
	"batch conventional oppos shallow influenc marker didnt readlin chmod nt align flow "
	"relax durat sp workflow persist lt systemwid recompil prohibit incomplet continuous ram "
	"nevertheless outgo regexp accumulat recreat setgid maco fi eas keepaliv shorthand portabl "
	"csv percent importanc ing workstat clock req transmit somewhat alphanumeric reasonab abbrev "
	"cfg pt ubuntu nonstandard lifetim icon dvd discourag oid rm intent setuid "
	"accurat hyphen fair propagat cryptographic interval uris disappear sleep inter practical highlevel "
	"everyon delimiter besid fourth unsupport registrat preferab anyway systemctl slower articl eq "
	"dash tweak virtualizat capabl ou familiar reinstall unixlik physic placeholder uptodat hasnt "
	"safety segment summariz consumpt tunnel transient sequential honor consistency sender fd dialog "
	"enumerat understood shift mysql mozilla dom pos modular qual prerequisit et",
	/* 46 */
	"unify fak unmodify estimat deflat sendmail sudo fashion timezon easiest mimetyp mkdir "
	"unreachabl eval onelin addhandler leaf millisecond tokenizer er ld anymor infinit substr "
	"snippet bewar immutabl cherry tty recipient lightweight coverag box fewer invert selectiv "
	"resum press registry kde volunteer tarfil fulfill controller synchronizat leftmost ipaddress cell "
	"ago visual intermediat vic defensiv pub param designat discret amend span humanreadabl "
	"negat unavailabl errcod na mtim ms peer caveat syslog para alert sgml "
	"synchroniz testsuit continuat fitness interpretat pad recurs surround requesturi inform plug plugin "
	"scm merchantability wir formal material percentag malicious freed ion orient dst gon "
	"derivativ highest demo versus assumpt ide inetd suexec legitimat homepag transparent errno "
	"led collectiv nonblock mask crt nis doubt halt udp scriptalia fsck threshold "
	"die",
	/* 47 */
	"extensiv aliv em dangerous ar dd centraliz fract vital chos consecutiv customizat "
	"nonexistent stability fundamental identificat commaseparat sv logfil mem ln mm dirty smallest "
	"john audio nth accompany authoritativ exhaustiv ambiguous existent interpolat instantiat french proprietary "
	"cr harder gt accidental machinereadabl straightforward typedef um subsect serial checker implicat "
	"ns dll complain delimit qemu transformat dry initiat github strftim supersed ideal "
	"router eof gtk versa bool asterisk sed lua referer modulo privacy uppercas "
	"shap bigendian pdb dep deliberat libc removabl synchronous specifier workaround tk pathinfo "
	"disallow svn invalidat unregister compact inclusiv provision damag exploit webserver meaningful gui "
	"somewher asc notfound tarball asis mandat bridg postgresql redundant alpha minus trunk "
	"excellent nondefault dist rpc te cp decreas tempfil declin stamp instant pretend "
	"decorat chroot minimiz unbound ident evolut subnet participat ieee noninteractiv subtree shortcut "
	"linus",
	/* 48 */
	"preprocessor counterpart fatal differentiat ge interoperability mutual tp cluster wikipedia nd aid "
	"fault dc rank notificat advis dos hack javascript forbidden rw descendant redundancy "
	"unneed viewer lowest ad br thereof compris heuristic validuser nonascii robust classic "
	"metainformat deem periodic terminator crontab flatten todo rebuilt scalar reliability solaris java "
	"promot selector inod la observ fulltext shut addon authuserfil correlat compl freedesktop "
	"floatingpoint conclusion assembl emb mass ondisk xterm san downgrad unlimit menus sector "
	"readwrit draft nobody dryrun electronic inject nonempty bitmap png grain bottom fresh "
	"digital resiz shouldnt timer pc sep libfoo spread tail constitut widget contract "
	"cherrypick folder serversid dereferenc reorder computat deallocat maint shm repair denial smart "
	"nat expirat dav notabl est interfer forever mar da im mailcap realtim "
	"spill introspect sensibl wellknown squar expat decrypt stal err intel printabl netscap "
	"overload vm validity",
	/* 49 */
	"reopen raymond smith joe abs tie gettext classify compat localtim elf debugger "
	"po encapsulat nowaday divert ve emerg tild dm thereby mon nntp gen "
	"disambiguat frag truly ll ab basenam harmless reproduc youd calendar fmt fs "
	"varnam ancestry contiguous advic typenam sock adduser brought octal dummy concurrency netmask "
	"nonnull unrelat userid havent inheritanc eliminat uniform higherlevel localiz christian wis regenerat "
	"listener typo originat realm technic plaintext untrust rearrang ss eg forum crypt "
	"lv followsymlink conduct optimal guard ws directoryindex htpasswd ser bulk unusabl vector "
	"predefin tion eras assist justify autoincr semicolon driven analyzer alloc deconfigur relay "
	"bucket lifecycl uncompress toggl thin scheduler inconsistent substantial closer materializ primitiv buggy "
	"shareabl traversal contrary engineer constrain division emergency ian exercis international fo ins "
	"openbsd rhs mathematical sideeffect multip localizat pro",
	/* 50 */
	"remark confidentiality textual flat surpris latency ambiguity favour appearanc severity intersect scal "
	"shrink shortest ultimat mpl googl ratio sizeof unlink exceptional diagnos quirk frozen "
	"cryptography ie unnecessari broadcast lefthand fastcgi descend interprocess acm useless applicationspecific discovery "
	"beta conformanc widespread asid collision dispatch sentinel errmsg sni acronym wrot convers "
	"mb insecur repeated cve subversion wed preexist unconditional footprint assur uncommit exp "
	"mnt ff setenv gib quota firefox lisp freebsd terminology clarificat vast bob "
	"extent tracker corner numerical circular membership ts connectivity seed altogether jan wherever "
	"degrad nonnegativ wi approv chown pipelin odd trick rsync diverg multimedia objectiv "
	"aka feb ive exclusion css outdat pin shorten mv adopt argc dozen "
	"collaborat architecturespecific secondary suspend cf longstand oracl catalog identic unescap rewind concat "
	"buildtim endif indefinit vi xxx serveralia wev packager rpm hierarchical yyyy rel "
	"dest xdg querystr linebas intentional markup logrotat unary readability di libz offlin "
	"recursion holder conn unwind fsync forbid equality ui aggressiv unsaf alic rid "
	"spar hol rerun antivirus sak revis",
	/* 51 */
	"mua doublequot telnet unauthoriz irc excessiv imap mangl chat appl prog pa "
	"sig deadlock weak fnmatch absent lastmodify bitwis anchor proof opaqu jpg wellform "
	"simplificat builder illegal dual finer amongst lzma poll toolkit broad hopeful informativ "
	"torvald oss val libexec goto fstab cop obligat tokeniz borrow spaceseparat parenthesis "
	"expiry drawback transmission microsecond prng subscrib robot sponsor pr publichtml undocu xhtml "
	"david frequency ps uncom disclaimer tedious kb similarity segfault sparing selfcontain disconnect "
	"alphabetical expectat manpag indicator wast prototyp intensiv ent elaps adequat handy cooperat "
	"exhaust syntactic dis umask paus deactivat harm anticipat der ith precaut stuck "
	"malfunct forensic portability mismatch longrun experi conclud un ma randomness successiv scsi "
	"dotfil reread execcgi inplac passphras manufacturer uniqueness freedom df blog intact footnot "
	"unmount byteorder indentat curl memorymap qt realloc wasnt",
	/* 52 */
	"accommodat ort mitigat pidfil uucp grammar nc promis myapp bandwidth fieldnam adjacent "
	"conceptual occupy subdir subtract predecessor li longest ruby preferabl mini penalty cumulativ "
	"coexist increasing puzzl flowchart creator verbosity vulnerabl martin libtool diagnostic lc artifact "
	"casesensitiv inherent ptr remoteaddr ondemand assistanc faulty convey resort htm informational obey "
	"diagnosis ietf af considerabl perspectiv becam certify crypto hmac operational keyid rmdir "
	"laptop whichever underneath rapid ascend van az art virus exclamat restrictiv dangl "
	"unwant consumer tap salt autocommit daniel pwd cruft oldest outcom submission fai "
	"mbox eric fingerprint verb abandon wors invent straight dsa fifth mib utiliz "
	"caught nowait zoneinfo agreed serializat spent gdbm incompatibility troubleshoot fancy handful depart "
	"difficulty bear presentat dataset outlin excerpt variat stricter hurd ver downstream ht "
	"fqdn scientific inefficient erroneous unrecogniz urlencod android successor professional prob confin acceptanc "
	"unreadabl exponent reentrant imp edu intermediary consequent determinat workload intervent nonc fred "
	"orphan prefac disadvantag normalizat",
	/* 53 */
	"ack subtl ce brac persistenc pron pi regulat safer sharedmemory su sdk "
	"ro lit cur judg singlelin subgroup ters matur ao logout unorder mutt "
	"reliab ongo au ccompiler maximiz openoffic badly mh clearer crack sysv nicknam "
	"quilt wild ill tight intercept functionnam panel ct multiuser arbitrari csh punctuat "
	"planet ter xyz pthread tex vertical wsgi reduct glibc ran explor endors "
	"autoconf starttl pgp pp avail finit synonymous complianc sever replicat disrupt rb "
	"gradual elif cflag semaphor fee res sion perm distributor consortium analogous invit "
	"msdo ctx reminder enus inflat std mit bus pe jpeg unencrypt des "
	"sa beneficial subvert footer loopback shorter american benchmark gmt alt advisory crl "
	"recod notion horizontal lstat wouldnt refactor undesirabl rightmost ii explanatory flavor enterpris "
	"sec confirmat proto alphabetic mixtur ansi clash decompress linuxfoundat informal berkeley ntp "
	"weekday barrier welldefin ble rss xfc endoflin wh collaps couldnt nbyt freeform "
	"subproject userspac sticky spit getnam efficiency semi generaliz paul platformspecific isdir thorough "
	"nonlocal bruc foobar gap bigger spot jean outofmemory unawar revocat preload movy",
	/* 54 */
	"latin prematur redo thi userfriend runner bother img principal lazy tue seq "
	"ping invers dlopen famous smooth pdf egg micro royalty precompil getopt nnn "
	"arm elegant backwardcompatibl whitespaceseparat fun amd likelihood trim worthwhil shtml iana malform "
	"publicat intelligent classificat valuabl drastic ru mc studio ci atom chronological sooner "
	"ought employ oneway parenthesiz ot symmetric websocket suppl interior favorit dec uninstall "
	"infinity nonwhitespac isp za daylight remap intro bidirectional harness timelin irreversibl internationalizat "
	"longterm grab fifo usa ebcdic categoriz collector megabyt stick lexical unambiguous sd "
	"apparent chris permissiv installdir fpic extensibl textbas reputat japanes endpoint nu mutat "
	"reviewer hh setcooki mx definitiv noteworthy modulenam creativ freez autodetect cpp untouch "
	"bom decoder clarity wip defect nin discontinu unprivileg carriag motivat tied webdav "
	"vim crlf forgotten appreciat sophisticat compet augment formula deeper eligibl currentdat hexdigit "
	"insist everywher configfil restructur wider supplementary ctrl sanity maxag investigat prim fn "
	"suspect acl tiny equip representabl descriptiv steal preformat adventur syslogd mung stylesheet "
	"closest infer computational recall beginner ect julian",
	/* 55 */
	"striv rt correspondenc strength fractional jackson maker moreover collaborativ awk tb unam "
	"ai administer reproducibility stretch thunderbird condens realworld das band singlethread educational ly "
	"magnitud nominal ile sal unreasonabl nss multiplex naiv subroutin circuit angl trademark "
	"heavi mo liabl nonroot advisabl ben funcnam sparc yyyymmdd finetun ded backwardscompatibl "
	"lts diversity stev usenet passiv assess backspac participant enduser ctim shebang crossplatform "
	"earliest fanout idiom stall richard rush tripl fsf finegrain stateless comm flaw "
	"hup maildir mknod yaml dbnam bootstrap generalpurpos tz autotool massiv neutral spreadsheet "
	"littleendian breach liability usefulness ation preliminary inconvenient hg mktemp fed prec grac "
	"grown oct js multivalu unconfigur nontrivial elaborat qa noticeabl programmatic dictat circl "
	"octet hybrid habit subdomain needless thu cont unqualify peruser exempt sean examp "
	"inactiv newest visualiz ry cygwin concis helo cater dimension webmaster hen repeatabl "
	"criticism socall convinc pac si pm entitl irrelevant philosophy interven anybody ceas "
	"cstyl nl powerpc aaaa goodby mas usecas reversibl gav intrinsic nearest wil "
	"burn explorer ops deduc ate excel href commentary capacity reformat brok nb "
	"advantageous considerab",
	/* 56 */
	"postinstallat burden customizabl ttl sho strcmp prettyprint lynx dialect msi smb resembl "
	"mathematic narrow alarm tempt postprocess lossless fri downsid accessibility publicdomain mess permissibl "
	"replay reenabl peek brut committee aa acc approval breakag paranoid discriminat modifiabl "
	"begun unresolv ut diffi diffiehellman hellman jul ac composit unsuccessful excess allowabl "
	"dollar whitelist ipc valgrind gdb ntf transactional onward induc squeez sq nocach "
	"nonessential disagree worst bunch inheritabl pty cleartext toy artist keyvalu rcs lab "
	"patent mat",
};
/* clang-format on */

#endif /* INTEL_LLM_BUILTIN_IDF_H */
