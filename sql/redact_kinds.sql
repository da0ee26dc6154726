-- People, places and organisations in texts of many kinds and languages (policy strict), and what is none.
SELECT intel.redact(content, 'strict') FROM (VALUES
    ('Bonjour Madame Lefèvre, votre rendez-vous avec le docteur Garnier est fixé au 12 septembre 2024.'),
    ('Ich heiße Sebastian Kowalczyk und wohne in Leipzig. Meine Kollegin Annette Freitag kennt den Vorgang.'),
    ('Me llamo Esteban Quiroga, vivo en Valencia. Atentamente, Lucía Benítez'),
    ('Gentile Signora Marchetti, la consegna avverrà in Via Garibaldi 25, 20121 Milano.'),
    ('O pedido será entregue na Rua das Flores 120, 1200-195 Lisboa. Obrigada, Beatriz Furtado'),
    ('Beste mevrouw De Vries, uw afspraak met dokter Bakker is bevestigd.'),
    ('Hej Gunilla, adressen är Drottninggatan 45, 111 21 Stockholm.'),
    ('Nazywam się Agnieszka Nowakowska. Z poważaniem, Tomasz Wójcik'),
    ('姓名：王小明，手机：+86 138 1234 5678'), ('お名前：山田太郎 電話番号：090-1234-5678'), ('이름: 김민수'),
    ('According to Jean-Baptiste Kouassi, the plant will close.'),
    ('my name is kevin o''connor and i live in dublin; contact susan miller, dear mr henderson'),
    ('[10:43] daniel: not yet'), ('Agent: Devon, Customer name: Aurélie Chastain'),
    ('Education: University of Oslo; invoice from Lindqvist & Partners AB'),
    ('📞+49 30 901820 📧jane@example.com'), ('write to jane@example.com.5 now'),
    ('Patient: Margaret O''Sullivan, DOB 03/11/1946, MRN MR4482913')) AS t(content);
-- where addresses end and begin, what the law calls firms, keys of documents within texts
SELECT intel.redact(content, 'strict') FROM (VALUES
    (E'Hauptstraße 88, 70173 Stuttgart\nKundennummer 884213'), ('Gartenweg 7, 82319 Starnberg, Tel. 08151 / 44 12 90'),
    ('via Garibaldi 14, 20121 Milano; ul. Piękna 20, 00-549 Warszawa; Am Lindenhof 3, 8001 Zürich; by train via Dubai 3 times'),
    ('[10/Oct/2023:13:55:36 +0000] and 5 Mar 2024 09:12:44 +0100'),
    ('Cedar Ridge Dental, LLC and Sterling Logistics plc and Transportes Bonilla S.A. de C.V. and Asseco Poland S.A. met'),
    ('She works at Vincent Hospital, before at the Sparkasse Bochum, and her sister for Goldman Sachs.'),
    ('{"first_name":"Quillan","firstName": "Quillan","company":"Zyntrova","country":"Vietnam"}'),
    ('Employer: Zyntrova. Yes, laura said so. Ask Joost van der Meer.')) AS t(content);
-- nothing to hide here
SELECT content FROM (VALUES
    ('Der Vertrag wurde unterschrieben. Die Kündigungsfrist beträgt drei Monate. Bitte beachten Sie die Allgemeinen Geschäftsbedingungen.'),
    ('Die Rechnung ist noch offen. Wir bitten um Überweisung. Mit freundlichen Grüßen'),
    ('Le colis a été livré hier. La facture est jointe à ce message. Veuillez agréer nos salutations distinguées.'),
    ('La reunión se celebrará el próximo mes. Todos los documentos deben entregarse antes.'),
    ('Il documento deve essere firmato e restituito entro la fine del mese. Grazie per la collaborazione.'),
    ('Quarterly Revenue grew. The Board approved the Budget. The Annual Report was adopted. Toner was changed.'),
    ('please send the report again, the second page is missing and the table does not fit'),
    ('2015 to 2021 Senior Analyst, Customer Support')) AS t(content) WHERE intel.redact(content, 'strict') <> content;
-- what somebody is to another; forms of German companies; streets of Romance languages; who is speaking
SELECT content, intel.redact(content, 'strict') FROM (VALUES
    ('Mrs Doyle is well, her son Tavish does the shopping.'), ('Carer Ebrima comes twice a day'), ('mi hermano y mi hijo Xabi viven lejos'),
    ('the boss said no, and the nurse agreed'), ('Besuch bei Steinbach Maschinenbau GmbH & Co. KG am Vormittag'), ('an order by Hollmann & Co. came'),
    ('abito in Corso Vittorio Emanuele 77, 80121 Napoli'), ('il habite 5 impasse des Acacias, 31500 Toulouse'), ('hi its monika from the bakery'),
    ('She has worked at Green Energy for a year, and now works at home.'), ('Reunión con el equipo'), ('kontakt pod numerem 601 234 987')) AS t(content);
